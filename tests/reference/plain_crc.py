"""A cyclic redundancy check by its definition: the remainder of a division of polynomials, bit by bit."""


def plain_crc(data: bytes, width: int, polynomial: int) -> int:
    """Return the check of `data`; `polynomial` has its highest power first and left out."""
    bits = [byte >> i & 1 for byte in data for i in range(8)]  # reflected: the lowest bit of a byte first
    register = (1 << width) - 1
    for bit in bits:
        feedback = (register >> (width - 1) & 1) ^ bit
        register = (register << 1) & ((1 << width) - 1)
        if feedback:
            register ^= polynomial
    return int(f"{register:0{width}b}"[::-1], 2) ^ ((1 << width) - 1)
