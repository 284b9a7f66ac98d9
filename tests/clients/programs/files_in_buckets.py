"""Files in buckets through s3fs, as pandas and many others reach them."""

import json

import s3fs

MIB = 1 << 20

files = s3fs.S3FileSystem()
files.mkdir("from-s3fs")
with files.open("from-s3fs/dir/file", "wb", block_size=5 * MIB) as file:
    for i in range(3):
        file.write(bytes([i]) * 5 * MIB)
files.pipe("from-s3fs/dir/small ü", b"small")
with files.open("from-s3fs/dir/file", "rb", block_size=5 * MIB) as file:
    file.seek(9 * MIB)
    tail = file.read()
files.cp("from-s3fs/dir/file", "from-s3fs/other")
listed = sorted(files.ls("from-s3fs/dir"))
small = files.cat("from-s3fs/dir/small ü").decode()
files.rm("from-s3fs/dir", recursive=True)
left = files.find("from-s3fs")
files.rm("from-s3fs", recursive=True)
print(
    json.dumps(
        {
            "tail": [tail.count(1), tail.count(2)],
            "listed": listed,
            "small": small,
            "left": left,
            "is_there": files.exists("from-s3fs"),
        }
    )
)
