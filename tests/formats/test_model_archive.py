"""Archives of models from strangers: one sentence for everything that is not plain files, and bounded reading."""

import gzip
import io
import struct
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats.model_archive import Limits, read_members

END = bytes(1024)
HUGE = 1 << 50


def header(name=b"model.json", size=0, kind=b"0", *, size_field=None, magic=b"ustar\x0000", prefix=b""):
    """A header as the standard has it, with nothing in the way of nonsense."""
    size_field = b"%011o\0" % size if size_field is None else size_field
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" * 3 + size_field + b"00000000000\0" + b" " * 8)
    block += (
        kind
        + bytes(100)
        + magic.ljust(8, b"\0")
        + bytes(64)
        + bytes(16)
        + prefix.ljust(155, b"\0")
        + bytes(12)
    )
    block[148:156] = b"%06o\0 " % sum(block)
    assert len(block) == 512
    return bytes(block)


def member(name=b"model.json", content=b"x", kind=b"0"):
    return header(name, len(content), kind) + content + bytes(-len(content) % 512)


def pax(*records, kind=b"x"):
    """An extended header; each record gets the length it needs."""
    lines = b""
    for record in records:
        length = next(n for n in range(1, 1 << 20) if n == len(str(n)) + len(record) + 2)
        lines += b"%d %s\n" % (length, record)
    return member(b"PaxHeader", lines, kind)


def files_of(content, limits=None):
    members = read_members(io.BytesIO(content), "model.tar.gz", *([limits] if limits else []))
    return {each.name: b"".join(each.pieces) for each in members}


def refused(content, limits=None):
    messages = []
    for packed in (content, gzip.compress(content, 1)):
        with pytest.raises(DataError) as caught:
            files_of(packed, limits)
        assert caught.value.source == "model.tar.gz"
        messages.append(str(caught.value))
    return messages[0]


def handed_out(content, limits):
    """Bytes that came out of an archive before it was refused, and the reason."""
    n_bytes = 0
    try:
        for each in read_members(io.BytesIO(content), "model.tar.gz", limits):
            for piece in each.pieces:
                n_bytes += len(piece)
    except DataError as error:
        return n_bytes, str(error)
    return n_bytes, ""


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=130).map(str.lower),
        st.binary(max_size=2000),
        max_size=4,
    ),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.sampled_from(["w", "w:gz"]),
)
def test_what_tarfile_packs_is_read(contents, form, mode):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:
        for name, content in contents.items():
            if len(name.encode()) > (100 if form == tarfile.USTAR_FORMAT else 250):
                name = name[:25]  # noqa: PLW2901
            about = tarfile.TarInfo(name)
            about.size, about.mtime = len(content), 1.5 if form == tarfile.PAX_FORMAT else 1
            archive.addfile(about, io.BytesIO(content))
        names = archive.getnames()
    try:
        assert list(files_of(stream.getvalue()).items()) == list(zip(names, contents.values(), strict=True))
    except DataError as error:
        assert "twice" in str(error)  # noqa: PT017 - letters that one file system takes for the same


def test_a_folder_packed_by_the_shell_is_read():
    whole = member(b"./", b"", b"5") + member(b"./a", b"1") + member(b"b\0rubbish", b"2" * 512) + END
    assert files_of(whole) == {"a": b"1", "b": b"2" * 512}


def test_the_size_may_be_binary():
    field = b"\x80" + (3).to_bytes(11, "big")
    assert files_of(header(b"a", size_field=field) + b"abc" + bytes(509) + END) == {"a": b"abc"}


def test_files_that_nobody_reads_are_passed_over():
    names = [
        each.name for each in read_members(io.BytesIO(member(b"a", b"x" * 5000) + member(b"b") + END), "m")
    ]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [b"../a", b"/a", b"a/b", b"..", b".", b"./../a", b"././a", b"a\\b", b"c:a", b"", b"a\nb", b"a/../b", b"./"],
)  # fmt: skip
def test_names_that_lead_elsewhere(name):
    assert "plain files side by side" in refused(member(name) + END)
    if b"\n" not in name and name:
        assert "plain files side by side" in refused(pax(b"path=" + name) + member(b"a") + END)


def test_long_names_that_lead_elsewhere():
    assert "plain files side by side. Got '../a'" in refused(
        member(b"L", b"../a\0", b"L") + member(b"a") + END
    )
    assert "Got '../a'" in refused(header(b"a", prefix=b"..") + END)
    assert "plain files" in refused(pax(b"path=" + b"n" * 256) + member(b"a") + END)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (b"1", "a hard link"), (b"2", "a symbolic link"), (b"3", "a device"), (b"4", "a device"), (b"6", "a FIFO"),
        (b"5", "a folder"), (b"7", "a contiguous file"), (b"S", "a sparse file"), (b"K", "a long link"),
        (b"M", "part of a volume"), (b"Z", "'model.json'"),
    ],
)  # fmt: skip
def test_only_plain_files_are_taken(kind, what):
    assert f"plain files side by side. Got {what}" in refused(member(kind=kind) + END)


@pytest.mark.parametrize(
    "record", [b"GNU.sparse.map=0,1", b"GNU.sparse.major=1", b"SCHILY.realsize=9", b"linkpath=/"]
)
def test_sparse_files_and_links_by_extended_headers(record):
    assert "plain files side by side" in refused(pax(record) + member() + END)


@pytest.mark.parametrize("again", [b"model.json", b"./model.json", b"MODEL.JSON"])
def test_a_name_that_repeats(again):
    assert "files with different names" in refused(member() + member(again) + END)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pax(b"path=a") + pax(b"path=b") + member() + END, "one extended header a file. Got two"),
        (pax(b"path=a") + END, "a file after its extended header"),
        (pax(b"path=a", b"path=b") + member() + END, "'path' twice"),
        (pax(b"path=a", kind=b"g") + member() + END, "a path or size for all"),
        (pax(b"size=1", kind=b"g") + member() + END, "a path or size for all"),
        (pax(b"size=-1") + member() + END, "a size in decimal digits. Got '-1'"),
        (pax(b"size=" + b"9" * 5000) + member() + END, "a size in decimal digits"),
        (pax(b"size=%d" % HUGE) + member() + END, "bytes in all"),
        (pax(b"path=\xff") + member() + END, "names in UTF-8"),
        (member(b"P", b"7 path=a\n", b"x") + member() + END, "extended headers of whole records"),
        (member(b"P", b"99 path=a\n", b"x") + member() + END, "extended headers of whole records"),
        (member(b"P", b"0 a=b\n", b"x") + member() + END, "extended headers of whole records"),
        (member(b"P", b"\xb2 a=b\n", b"x") + member() + END, "extended headers of whole records"),
        (header(b"P", HUGE >> 20, b"x") + END, "extended headers of at most 65536 bytes"),
        (header(b"P", HUGE >> 20, b"L") + END, "extended headers of at most 65536 bytes"),
        (header(size_field=b"\x80" + HUGE.to_bytes(11, "big")) + END, "bytes in all"),
        (header(size_field=b"\xff" * 12) + END, "a size that is no octal number"),
        (header(size_field=b"-0000000001\0") + END, "a size that is no octal number"),
        (header(b"\xff") + END, "names in UTF-8"),
        (member() + END + b"x", "nothing after the end of the archive"),
        (member() + END + member(b"late") + END, "nothing after the end of the archive"),
        (member(), "a whole archive"),
        (b"", "a whole archive"),
        (b"no archive at all" * 100, "a model.tar.gz. Got a checksum that is no octal number"),
        (member().replace(b"0000644", b"0000645", 1) + END, "a header with another checksum"),
    ],
)  # fmt: skip
def test_oddities_are_refused(content, message):
    assert message in refused(content)


def test_every_truncation_is_refused():
    whole = pax(b"mtime=1.5") + member(b"a", b"x" * 600) + member(b"b") + END
    for end in range(0, len(whole) - 1023, 37):
        refused(whole[:end])
    packed = gzip.compress(whole)
    for end in range(len(packed)):
        with pytest.raises(DataError):
            files_of(packed[:end])


def test_a_damaged_byte_anywhere_in_gzip_is_refused():
    content = bytes(range(256)) * 4
    packed, n_refused = gzip.compress(member(b"a", content) + END), 0
    for at in range(len(packed)):
        damaged = bytearray(packed)
        damaged[at] ^= 0x10
        try:
            assert files_of(bytes(damaged)) == {"a": content}  # time, system and bits that nothing reads
        except DataError:
            n_refused += 1
    assert n_refused > len(packed) - 12


def test_limits_bound_what_is_handed_out():
    limits = Limits(total_bytes=100_000)
    assert "at most 100,000 bytes in all. Got 200,000 for 'model.json'" in refused(
        member(content=bytes(200_000)) + END, limits
    )
    small = b"".join(member(b"f%d" % i, bytes(20_000)) for i in range(50)) + END
    n_bytes, message = handed_out(small, limits)
    assert "bytes in all" in message
    assert n_bytes <= 100_000


def test_many_members_and_headers_are_bounded():
    limits = Limits(n_members=10)
    assert len(files_of(b"".join(member(b"f%d" % i) for i in range(10)) + END, limits)) == 10
    assert "at most 10 files" in refused(b"".join(member(b"f%d" % i) for i in range(11)) + END, limits)
    assert "at most 10 files" in refused(pax(b"comment=x", kind=b"g") * 20 + member() + END, limits)
    assert "at most 10 files" in refused(member(b"./", b"", b"5") * 20 + END, limits)


@pytest.mark.parametrize("where", ["a file", "after the end", "a header"])
def test_a_bomb_is_refused_early_and_in_little_memory(where):
    n_bytes = 64 << 20
    zeros = bytes(n_bytes)
    content = {
        "a file": header(size=n_bytes) + zeros + END,
        "after the end": member() + END + zeros,
        "a header": header(b"P", n_bytes, b"x") + zeros,
    }[where]
    packed = gzip.compress(content, 6)
    assert len(packed) < n_bytes / 500
    limits = Limits(ratio_free_bytes=1 << 20)
    tracemalloc.start()
    n_read, message = handed_out(packed, limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "packed one" in message or "extended headers" in message
    assert n_read < n_bytes / 2
    assert peak < 8 << 20


def test_a_checksum_of_signed_bytes_is_taken():
    block = bytearray(header("ä".encode()))
    spaced = bytes(block[:148]) + b" " * 8 + bytes(block[156:])
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512b", spaced))
    assert list(files_of(bytes(block) + END)) == ["ä"]
