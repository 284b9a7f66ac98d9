# Buckets and files by the AWS CLI. Arguments: the program, an empty folder.
set -eu
aws=$1
cd "$2"

mkdir -p tree/sub
echo 1,2 > tree/a.csv
head -c 20000000 /dev/urandom > "tree/sub/b ü.bin"
"$aws" s3 mb s3://from-the-shell
"$aws" s3 sync --quiet tree s3://from-the-shell/data
"$aws" s3 cp --quiet --recursive s3://from-the-shell/data s3://from-the-shell/copy
"$aws" s3 sync --quiet s3://from-the-shell/copy back
diff -r tree back
"$aws" s3 mv --quiet s3://from-the-shell/copy/a.csv s3://from-the-shell/moved.csv
"$aws" s3 ls --recursive s3://from-the-shell/ | cut -c 21-
url=$("$aws" s3 presign s3://from-the-shell/moved.csv)
"$aws" s3api head-object --bucket from-the-shell --key "data/sub/b ü.bin" --checksum-mode ENABLED --query ContentLength
"$aws" s3 rb --force s3://from-the-shell > /dev/null
if "$aws" s3 ls s3://from-the-shell; then exit 1; fi
echo "$url"
