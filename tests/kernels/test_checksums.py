"""Checks against zlib, against the catalogue of CRC algorithms, and piece by piece."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.kernels.checksums import KINDS, update_crc
from reference.plain_crc import plain_crc

POLYNOMIALS = {"CRC32": (32, 0x04C11DB7), "CRC32C": (32, 0x1EDC6F41), "CRC64NVME": (64, 0xAD93D23594C93659)}


@pytest.mark.parametrize(
    ("kind", "expected"), [("CRC32", 0xCBF43926), ("CRC32C", 0xE3069283), ("CRC64NVME", 0xAE8B14860A799888)]
)
def test_known_values(kind, expected):
    assert update_crc(kind, 0, b"123456789") == expected


@given(st.binary(max_size=300), st.integers(0, 300))
def test_crc32_is_zlibs(data, cut):
    assert update_crc("CRC32", update_crc("CRC32", 0, data[:cut]), data[cut:]) == zlib.crc32(data)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_as_the_plain_twin(kind, data, cut):
    assert update_crc(kind, update_crc(kind, 0, data[:cut]), data[cut:]) == plain_crc(
        data, *POLYNOMIALS[kind]
    )
