# ruff: noqa: E501   a row of the table is a line
"""
Secrets that are known by their form: a row each. What is known only by the name it is assigned to: `assignments.py`.

`s` is the group that is the secret; the rest of the match (a prefix, a header) stays, so that the text keeps its form.
A pattern is matched `back` bytes before its anchor (see `anchors.py`: * is a word character, # a digit).
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from acorn.data.values import innocent, looks_random

B64 = rb"[A-Za-z0-9+/]"
URL64 = rb"[A-Za-z0-9_-]"
ALNUM = rb"[A-Za-z0-9]"
HEX = rb"[0-9a-f]"
PEM = rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])*"


@dataclass(frozen=True)
class Rule:
    name: str
    anchors: tuple[bytes, ...]
    pattern: bytes
    back: int = 0
    accept: Callable[[bytes], bool] = lambda value: not innocent(value)


def prefixed(name: str, *anchors: bytes, body: bytes, prefix: bytes = b"") -> Rule:
    """A token that starts with its anchor (or `prefix`) and goes on with `body`."""
    start = prefix or b"(?:" + b"|".join(re.escape(a).replace(rb"\*", b"").replace(rb"\#", b"") for a in anchors) + b")"
    return Rule(name, tuple(a.lower() for a in anchors), rb"(?<![A-Za-z0-9_])" + start + rb"(?P<s>" + body + rb")")


def mentions_a_private_key(value: bytes) -> bool:
    return b"PRIVATE KEY" in decoded(value[:88])


def holds_a_colon(value: bytes) -> bool:
    """base64 of user:password"""
    user, colon, password = decoded(value).partition(b":")
    return bool(colon and user and len(password) > 2) and not innocent(password)


def decoded(value: bytes) -> bytes:
    value = value.rstrip(b"=")
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


WELL_KNOWN_JWT = b"zdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l"  # {"sub":"1234567890","name":"John Doe of jwt.io


RULES = (
    prefixed("AWS access key", b"akia", b"asia", b"abia", b"acca", prefix=rb"A(?:KIA|SIA|BIA|CCA)", body=rb"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    prefixed("AWS Bedrock key", b"absk", prefix=b"ABSK", body=B64 + rb"{60,}={0,2}"),
    prefixed("Alibaba access key", b"ltai", prefix=b"LTAI", body=ALNUM + rb"{12,26}(?![A-Za-z0-9])"),
    prefixed("GitHub token", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", body=ALNUM + rb"{30,255}"),
    prefixed("GitHub fine-grained token", b"github_pat_", body=rb"[A-Za-z0-9_]{50,255}"),
    prefixed("GitLab token", b"glpat-", b"gldt-", b"glrt-", b"glft-", b"glsoat-", b"glptt-", b"glcbt-", b"glimt-", b"glagent-", b"gloas-", body=URL64 + rb"{18,300}"),
    prefixed("Google API key", b"aiza", prefix=b"AIza", body=URL64 + rb"{35}"),
    prefixed("Google OAuth secret", b"gocspx-", prefix=b"GOCSPX-", body=URL64 + rb"{24,32}"),
    prefixed("Google OAuth token", b"ya29.", body=rb"[A-Za-z0-9_.-]{20,}"),
    prefixed("OpenAI or Anthropic key", b"sk-*", prefix=b"sk-", body=rb"(?:proj-|svcacct-|admin-|or-v1-|ant-[a-z0-9]+-)?" + URL64 + rb"{20,250}"),
    prefixed("model provider key", b"gsk_", b"xai-", b"pplx-", b"nvapi-", body=URL64 + rb"{30,100}"),
    prefixed("Hugging Face token", b"hf_*", prefix=b"hf_", body=rb"[A-Za-z]{30,40}"),
    prefixed("Replicate token", b"r8_*", prefix=b"r8_", body=ALNUM + rb"{30,45}"),
    prefixed("Slack token", b"xoxb", b"xoxp", b"xoxa", b"xoxr", b"xoxs", b"xoxe", b"xoxo", b"xapp", prefix=rb"(?:xox[abeoprs]|xapp)[-.]", body=rb"[A-Za-z0-9.-]{10,250}"),
    Rule("Slack webhook", (b"hooks.sl",), rb"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_+-]{20,120})"),
    Rule("webhook", (b"discord.", b"discorda"), rb"discord(?:app)?\.com/api/webhooks/(?P<s>\d{15,21}/[\w-]{40,90})"),
    Rule("webhook", (b".webhook", b"webhook."), rb"\.?webhook\.office\.com/webhookb2/(?P<s>[\w@/-]{40,250})"),
    Rule("Telegram token", tuple(b"#:a" + bytes([c]) for c in b"abcdefghijk"), rb"(?<!\d)\d{8,10}:(?P<s>A[A-Za-z0-9_-]{34})(?![\w-])", 9),
    prefixed("Stripe key", b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_", b"whsec_", body=rb"[A-Za-z0-9+/=]{16,250}"),
    prefixed("Square token", b"sq0atp-", b"sq0csp-", b"sq0idp-", body=URL64 + rb"{20,60}"),
    prefixed("Shopify token", b"shpat_", b"shpss_", b"shpca_", b"shppa_", body=HEX + rb"{32}"),
    Rule("Twilio key", tuple(b"sk" + bytes([a, b]) for a in b"0123456789abcdef" for b in b"0123456789abcdef"), rb"(?<![A-Za-z0-9])SK(?P<s>[0-9a-f]{32})(?![0-9A-Za-z])"),
    prefixed("SendGrid key", b"sg.*", prefix=rb"SG\.", body=URL64 + rb"{16,32}\." + URL64 + rb"{16,64}"),
    prefixed("Mailgun key", b"key-", body=HEX + rb"{32}(?![0-9a-z])"),
    Rule("Mailchimp key", (b"-us#",), rb"(?<![0-9a-z])(?P<s>[0-9a-f]{32})-us\d{1,2}(?!\d)", 32),
    prefixed("npm token", b"npm_", body=ALNUM + rb"{36}"),
    prefixed("PyPI token", b"pypi-age", prefix=b"pypi-AgE", body=URL64 + rb"{50,}"),
    prefixed("RubyGems key", b"rubygems_", body=HEX + rb"{48}"),
    prefixed("Docker token", b"dckr_pat_", b"dckr_oat_", body=URL64 + rb"{20,60}"),
    Rule("HashiCorp Cloud token", (b".atlasv1",), rb"(?<![A-Za-z0-9])(?P<s>[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,80})", 14),
    prefixed("Vault token", b"hvs.", b"hvb.", b"hvr.", body=URL64 + rb"{20,250}"),
    prefixed("DigitalOcean token", b"dop_v1_", b"doo_v1_", b"dor_v1_", body=HEX + rb"{64}"),
    Rule("Azure client secret", (b"#q~*", b"#q~.", b"#q~~"), rb"(?<![\w~.-])(?P<s>[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?![\w~-])", 3),
    Rule("Azure account key", (b"accountk", b"sharedac", b"sharedse"), rb"(?i)(?:AccountKey|SharedAccessKey|SharedSecret)=(?P<s>[A-Za-z0-9+/]{40,100}={0,2})"),
    Rule("signed URL", (b"sig=",), rb"(?<=[?&;\"' ])sig=(?P<s>(?:[A-Za-z0-9/+_-]|%[0-9A-Fa-f]{2}){40,110}={0,2})"),
    Rule("signed URL", (b"signatur",), rb"(?i)(?<=[-&?])Signature=(?P<s>(?:[A-Za-z0-9/+_-]|%[0-9A-Fa-f]{2}){27,600}={0,2})"),
    prefixed("Databricks token", b"dapi", body=HEX + rb"{32}(?:-\d)?(?![0-9a-z])"),
    prefixed("Grafana token", b"glsa_", b"glc_", body=rb"[A-Za-z0-9_+/=]{30,250}"),
    prefixed("New Relic key", b"nrak-", b"nrii-", b"nrjs-", prefix=rb"NR(?:AK|II|JS)-", body=rb"[A-Za-z0-9_-]{19,40}"),
    prefixed("Pulumi token", b"pul-", body=HEX + rb"{40}"),
    prefixed("Doppler token", b"dp.pt.", b"dp.st.", b"dp.ct.", b"dp.sa.", body=rb"[A-Za-z0-9_.-]{40,60}"),
    prefixed("Dynatrace token", b"dt0c01.", b"dt0s16.", body=rb"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    prefixed("Sentry token", b"sntrys_", b"sntryu_", body=rb"[A-Za-z0-9_+/=]{40,400}"),
    prefixed("Postman key", b"pmak-", prefix=b"PMAK-", body=HEX + rb"{24}-" + HEX + rb"{34}"),
    prefixed("Linear or Figma token", b"lin_api_", b"figd_", body=URL64 + rb"{32,60}"),
    prefixed("Atlassian token", b"atatt3", b"atctt3", prefix=rb"AT[AC]TT3", body=rb"[A-Za-z0-9_=-]{60,250}"),
    prefixed("Heroku key", b"hrku-", prefix=b"HRKU-", body=rb"[A-Za-z0-9_-]{30,70}"),
    prefixed("1Password token", b"ops_eyj", prefix=b"ops_eyJ", body=URL64 + rb"{80,}={0,2}"),
    prefixed("Tailscale key", b"tskey-", body=rb"[A-Za-z0-9-]{20,80}"),
    prefixed("CI token", b"ccipat_", b"bkua_", b"cio_", body=rb"[A-Za-z0-9_]{30,80}"),
    prefixed("database service token", b"pscale_tkn_", b"pscale_pw_", b"sbp_", body=rb"[A-Za-z0-9_=.-]{30,80}"),
    prefixed("Notion token", b"ntn_", b"secret_*", prefix=rb"(?:ntn|secret)_", body=ALNUM + rb"{40,60}(?![A-Za-z0-9_])"),
    prefixed("age key", b"age-secr", prefix=b"AGE-SECRET-KEY-1", body=rb"[0-9A-Z]{58}"),
    Rule("JSON web token", (b"eyj*",), rb"(?<![A-Za-z0-9_-])eyJ(?P<s>[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})", 0, lambda v: WELL_KNOWN_JWT not in v and not innocent(v)),
    Rule("private key", (b"-----beg",), PEM + rb"(?P<s>[\x09-,.-~]*(?:-(?!----)[\x09-,.-~]*){0,400})-----END", 0, lambda v: v != b"EXAMPLE"),
    Rule("private key", (b"-----beg",), PEM + rb"(?P<s>(?:[A-Za-z0-9+/=]{20,}(?:\s|\\[nr])*){1,300})"),
    Rule("private key", (b"ls0tls1c",), rb"(?P<s>LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,20000}={0,2})", 0, mentions_a_private_key),
    Rule("private key", (b"private-",), rb"Private-Lines: \d{1,4}\r?\n(?P<s>(?:[A-Za-z0-9+/=]{4,80}\r?\n){1,200})"),
    Rule("password hash", (b"$1$*", b"$2a$", b"$2b$", b"$2y$", b"$5$*", b"$6$*", b"$apr1$", b"$argon2", b"$y$*", b"$5$r", b"$scrypt"),
         rb"\$(?:[156]\$(?:rounds=\d+\$)?|2[aby]\$\d\d\$|apr1\$|argon2id?\$|y\$|scrypt\$)(?P<s>(?:[A-Za-z0-9./]{1,16}\$)?[A-Za-z0-9./]{22,86}|[A-Za-z0-9=,$+/.]{40,200})"),
    Rule("password in a URL", (b"://*", b"://:"), rb"://[^\s/:@'\"<>(){}$]{0,64}:(?P<s>[^\s/@'\"<>]{3,200})@(?=[\w.\[{$<-])", 0, lambda v: not innocent(v) and not v.isdigit()),
    Rule("basic authorization", (b"basic", b"basi"), rb"(?i:\bBasic)[ :]{1,3}[\"']?(?P<s>[A-Za-z0-9+/]{8,400}={0,2})(?![\w])", 0, holds_a_colon),
    Rule("bearer token", (b"bearer",), rb"(?i:\bBearer)[ :]{1,3}(?P<s>[A-Za-z0-9._~+/-]{16,2000}={0,2})", 0, lambda v: looks_random(v) and not innocent(v)),
    Rule("password on a command line", (b"curl",), rb"curl\b[^\n\x00]{0,300}?\s(?:-u|--user)[ =]?['\"]?[^\s:'\"]{1,80}:(?P<s>[^\s'\"]{4,200})"),
    Rule("password on a command line", (b"sshpass",), rb"sshpass\s{1,4}-p\s{0,4}(?P<s>'[^'\n]{4,200}|\"[^\"\n]{4,200}|[^\s'\"]{4,200})"),
    Rule("password on a command line", (b"login",), rb"login\b[^\n\x00]{0,200}?\s-p[ =]?['\"]?(?P<s>[^\s'\"]{6,300})"),
    Rule("password on a command line", (b"mysql",), rb"mysql\w{0,10}\b[^\n\x00]{0,200}?\s-p['\"]?(?P<s>[^\s'\"=-][^\s'\"]{5,200})"),
    Rule("password on a command line", (b"echo",), rb"echo\s{1,4}(?:-[en]{1,2}\s)?['\"]?[\w.-]{1,40}:(?P<s>[^\s'\"|]{4,200})['\"]?\s{0,4}\|\s{0,4}(?:sudo\s{1,4})?chpasswd"),
    Rule("password in SQL", (b"identifi",), rb"(?i)identified\s{1,4}(?:with\s{1,4}[\w']{1,40}\s{1,4})?by\s{1,4}(?:password\s{1,4})?'(?P<s>[^'\n]{4,200})'"),
    Rule("secure string", (b"converto", b"convertt"), rb"(?i)ConvertTo-SecureString\s{1,4}(?:-String\s{1,4})?[\"'](?P<s>[^\"'\n]{4,200})[\"']"),
)  # fmt: skip
