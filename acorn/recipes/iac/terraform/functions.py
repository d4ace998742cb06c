"""
The functions of Terraform 1.11 and OpenTofu 1.10: name, how many arguments (2+ is two or more), what type they give.
Functions of providers (provider::name::function) are not known here.
"""

from typing import NamedTuple


class Function(NamedTuple):
    least: int
    most: int | None
    gives: str  # as in the schemas: s string, n number, b bool, a anything, L T M list, set, map of


def _read(text: str) -> dict[str, Function]:
    found = {}
    for entry in text.split(";"):
        name, count, gives = entry.split()
        least, _, most = count.rstrip("+").partition("-")
        found[name] = Function(int(least), None if count.endswith("+") else int(most or least), gives)
    return found


FUNCTIONS = _read(
    """
abs 1 n; abspath 1 s; alltrue 1 b; anytrue 1 b; base64decode 1 s; base64encode 1 s; base64gunzip 1 s; base64gzip
1 s; base64sha256 1 s; base64sha512 1 s; basename 1 s; bcrypt 1-2 s; can 1 b; ceil 1 n; chomp 1 s; chunklist 2
LLa; cidrcontains 2 b; cidrhost 2 s; cidrnetmask 1 s; cidrsubnet 3 s; cidrsubnets 1+ Ls; coalesce 1+ a;
coalescelist 1+ a; compact 1 Ls; concat 1+ a; contains 2 a; csvdecode 1 a; dirname 1 s; distinct 1 La; element 2
a; endswith 2 b; ephemeralasnull 1 a; file 1 s; filebase64 1 s; filebase64sha256 1 s; filebase64sha512 1 s;
fileexists 1 b; filemd5 1 s; fileset 2 Ts; filesha1 1 s; filesha256 1 s; filesha512 1 s; flatten 1 a; floor 1 n;
format 1+ a; formatdate 2 s; formatlist 1+ a; indent 2 s; index 2 a; issensitive 1 b; join 1+ s; jsondecode 1 a;
jsonencode 1 s; keys 1 a; length 1 n; log 2 n; lookup 2-3 a; lower 1 s; matchkeys 3 La; max 1+ n; md5 1 s; merge
0+ a; min 1+ n; nonsensitive 1 a; one 1 a; parseint 2 a; pathexpand 1 s; plantimestamp 0 s; pow 2 n; range 1-3
Ln; regex 2 a; regexall 2 La; replace 3 s; reverse 1 a; rsadecrypt 2 s; sensitive 1 a; setintersection 1+ Ta;
setproduct 2+ a; setsubtract 2 Ta; setunion 1+ Ta; sha1 1 s; sha256 1 s; sha512 1 s; signum 1 n; slice 3 a; sort
1 Ls; split 2 Ls; startswith 2 b; strcontains 2 b; strrev 1 s; substr 3 s; sum 1 a; templatefile 2 a;
templatestring 2 s; textdecodebase64 2 s; textencodebase64 2 s; timeadd 2 s; timecmp 2 n; timestamp 0 s; title 1
s; tobool 1 b; tolist 1 La; tomap 1 Ma; tonumber 1 n; toset 1 Ta; tostring 1 s; transpose 1 MLs; trim 2 s;
trimprefix 2 s; trimspace 1 s; trimsuffix 2 s; try 1+ a; upper 1 s; urldecode 1 s; urlencode 1 s; uuid 0 s;
uuidv5 2 s; values 1 a; yamldecode 1 a; yamlencode 1 s; zipmap 2 a
"""
)
