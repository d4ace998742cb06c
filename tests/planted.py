# ruff: noqa: E501   a row of the table is a line
"""
Secrets as people leave them in configuration, and harmless texts that look like them. All are drawn from a seed, so no
secret of a known form stands in this file.

    SECRETS      kind -> f(rng) -> (text, the parts of it that must not come through)
    HARMLESS     kind -> f(rng) -> text that must come through as it is
"""

import base64
import json
import random
import string
import uuid

LETTERS, DIGITS = string.ascii_letters, string.digits
ALNUM, HEX, UPPER = LETTERS + DIGITS, "0123456789abcdef", string.ascii_uppercase + DIGITS
URL64, B64 = ALNUM + "-_", ALNUM + "+/"
Rng = random.Random


def chars(rng: Rng, alphabet: str, n: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(n))


def password(rng: Rng) -> str:
    """8 to 24 characters with a digit, as a generator or a person makes them."""
    if rng.random() < 0.3:
        word = rng.choice(("Sommer", "tiger", "Winter", "dragon", "blue", "Fluffy", "monkey", "Berlin"))
        return f"{word}{rng.choice('!#_-.')}{rng.randint(10, 9999)}{rng.choice('xyzqk')}{chars(rng, ALNUM, 2)}"
    body = chars(rng, ALNUM + "!%^+=_-.~", rng.randint(8, 24))
    return rng.choice(LETTERS) + body + rng.choice(DIGITS)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def word(rng: Rng) -> str:
    return rng.choice(("app", "db", "billing", "orders", "web", "cache", "metrics", "auth", "search", "mail"))


def anywhere(rng: Rng, token: str) -> str:
    """A token that its own form gives away, in some place or other."""
    name = rng.choice(("API_TOKEN", "value", "credential", "x", "ci_token", "SERVICE"))
    return rng.choice(
        [f'{name} = "{token}"', f"{name}: {token}", f"export {name}={token}", f"# old one: {token}", f"curl -H 'X-Api: {token}' https://x",
         f"- {token}", json.dumps({name: token}), f"    env:\n      - name: {name}\n        value: '{token}'", f"RUN tool --with {token} run"]
    )  # fmt: skip


def token(prefix: str, alphabet: str, n: int, suffix: str = ""):
    def make(rng: Rng) -> tuple[str, list[str]]:
        body = chars(rng, alphabet, n)
        return anywhere(rng, prefix + body + suffix), [body]

    return make


def one_of(*makers):
    return lambda rng: rng.choice(makers)(rng)


def assigned(names: tuple[str, ...], draw, forms: tuple[str, ...] = ()):
    """`{n}` the name, `{v}` the secret."""
    forms = forms or ('{n} = "{v}"', "{n}: {v}", '{n}: "{v}"', "export {n}='{v}'", "{n}={v}", '"{n}": "{v}",', "  - name: {n}\n    value: '{v}'",
                      '  environment {{\n    {n} = "{v}"\n  }}', "ENV {n}={v}")  # fmt: skip

    def make(rng: Rng) -> tuple[str, list[str]]:
        value = draw(rng)
        return rng.choice(forms).format(n=rng.choice(names), v=value), [value]

    return make


def pem(kind: str, encrypted: bool = False):
    def make(rng: Rng) -> tuple[str, list[str]]:
        lines = [chars(rng, B64, 64) for _ in range(rng.randint(4, 24))] + [chars(rng, B64, 30) + "=="]
        head = ["Proc-Type: 4,ENCRYPTED", f"DEK-Info: AES-256-CBC,{chars(rng, HEX.upper(), 32)}", ""] if encrypted else []
        text = "\n".join([f"-----BEGIN {kind}-----", *head, *lines, f"-----END {kind}-----"])
        if rng.random() < 0.3:
            return json.dumps({"key": text + "\n"}), lines
        if rng.random() < 0.3:
            return "key: |\n" + "\n".join("  " + line for line in text.split("\n")), lines
        return text, lines

    return make


def jwt(rng: Rng) -> tuple[str, list[str]]:
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": word(rng), "iat": rng.randint(10**9, 2 * 10**9)})]
    head, body = (b64(part).rstrip("=") for part in parts)
    sign = chars(rng, URL64, 43)
    return anywhere(rng, f"{head}.{body}.{sign}"), [sign]


def url_password(rng: Rng) -> tuple[str, list[str]]:
    secret = chars(rng, ALNUM + "-_.~!", rng.randint(8, 20)) + "7k"
    scheme, port = rng.choice((("postgres", 5432), ("mysql", 3306), ("redis", 6379), ("amqp", 5672), ("https", 443), ("mongodb+srv", 1)))
    user = "" if scheme == "redis" else word(rng)
    return f'{rng.choice(("url", "DATABASE_URL", "dsn"))} = "{scheme}://{user}:{secret}@{word(rng)}.internal:{port}/{word(rng)}"', [secret]


def basic_auth(rng: Rng) -> tuple[str, list[str]]:
    value = b64(f"{word(rng)}:{password(rng)}")
    return rng.choice(("Authorization: Basic {}", 'headers = {{ Authorization = "Basic {}" }}', "-H 'Authorization: Basic {}'")).format(value), [value]


def bearer(rng: Rng) -> tuple[str, list[str]]:
    value = chars(rng, URL64, rng.randint(24, 64)) + "a1B2"
    return rng.choice(("Authorization: Bearer {}", "-H 'Authorization: Bearer {}'", '"Authorization": "Bearer {}"')).format(value), [value]


def docker_auth(rng: Rng) -> tuple[str, list[str]]:
    value = b64(f"{word(rng)}:{password(rng)}")
    config = {"auths": {"registry.internal": {"auth": value}}}
    if rng.random() < 0.5:
        whole = b64(json.dumps(config))
        return f"data:\n  .dockerconfigjson: {whole}", [whole]
    return json.dumps(config, indent=rng.choice((None, 2))), [value]


def secret_object(rng: Rng) -> tuple[str, list[str]]:
    values = [b64(password(rng)) for _ in range(rng.randint(1, 4))]
    keys = rng.sample(("username", "password", "config", "dsn", "tls.key", "admin"), len(values))
    data = "".join(f"  {k}: {v}\n" for k, v in zip(keys, values))
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {word(rng)}\ntype: Opaque\ndata:\n{data}", values


def secret_strings(rng: Rng) -> tuple[str, list[str]]:
    value = password(rng).replace(":", "_")
    return f'apiVersion: v1\nkind: Secret\nmetadata:\n  name: {word(rng)}\nstringData:\n  {rng.choice(("conf", "dsn", "x"))}: "{value}"\n', [value]


def variable_default(rng: Rng) -> tuple[str, list[str]]:
    value = password(rng)
    return f'variable "{word(rng)}_password" {{\n  type        = string\n  description = "of {word(rng)}"\n  default     = "{value}"\n}}', [value]


def parameter_default(rng: Rng) -> tuple[str, list[str]]:
    value = password(rng)
    return f"Parameters:\n  DBPassword:\n    Type: String\n    NoEcho: true\n    Default: '{value}'\n", [value]


def task_password(rng: Rng) -> tuple[str, list[str]]:
    value = password(rng)
    forms = (
        "- name: Create the user\n  community.mysql.mysql_user:\n    name: {w}\n    password: '{v}'\n    state: present",
        "ansible_become_password: {v}", "ansible_ssh_pass: '{v}'", "vars:\n  {w}_password: \"{v}\"", "host1 ansible_user=ops ansible_password={v}",
    )  # fmt: skip
    value = value.replace("%", "x")
    return rng.choice(forms).format(w=word(rng), v=value), [value]


def vault_file(rng: Rng) -> tuple[str, list[str]]:
    lines = [chars(rng, "3" + HEX[:7], 80) for _ in range(rng.randint(3, 8))]
    return "pw: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n" + "".join(f"  {line}\n" for line in lines), lines


def crypt_hash(rng: Rng) -> tuple[str, list[str]]:
    b = chars(rng, ALNUM + "./", 86)
    text = rng.choice((f"$6${chars(rng, ALNUM, 8)}${b}", f"$2y$10${b[:53]}", f"$apr1${chars(rng, ALNUM, 8)}${b[:22]}", f"$5$rounds=5000${chars(rng, ALNUM, 8)}${b[:43]}"))  # fmt: skip
    return rng.choice(("root:{}:19000:0:99999:7:::", "  - name: ops\n    passwd: {}", 'user_data = "chpasswd {}"')).format(text), [text.rpartition("$")[2]]


def command_line(rng: Rng) -> tuple[str, list[str]]:
    v = chars(rng, ALNUM + "_.!", 14) + "9z"
    return rng.choice(
        (f"curl -fsS -u {word(rng)}:{v} https://x.internal", f"RUN mysql -h db -uroot -p{v} app", f"docker login -u ci -p {v} registry.internal",
         f"sshpass -p '{v}' ssh ops@host", f'echo "root:{v}" | chpasswd', f"tool --password {v} --yes", f"psql -c \"ALTER USER x PASSWORD '{v}'\"",
         f"GRANT ALL ON *.* TO 'a'@'%' IDENTIFIED BY '{v}';", f"machine h login ops password {v}", f"requirepass {v}")
    ), [v]  # fmt: skip


def connection(rng: Rng) -> tuple[str, list[str]]:
    v = chars(rng, ALNUM + "!_.~", 16) + "4d"
    return f'connection_string = "Server=tcp:x.database.windows.net,1433;Database=app;User ID=sa;Password={v};Encrypt=True;"', [v]


def azure_storage(rng: Rng) -> tuple[str, list[str]]:
    key = chars(rng, B64, 86) + "=="
    return f'cs = "DefaultEndpointsProtocol=https;AccountName={word(rng)};AccountKey={key};EndpointSuffix=core.windows.net"', [key]


def sas(rng: Rng) -> tuple[str, list[str]]:
    sig = chars(rng, ALNUM, 40) + "%2B" + chars(rng, ALNUM, 3) + "%3D"
    return f'url = "https://x.blob.core.windows.net/c/f?sv=2022-11-02&se=2026-01-01T00:00:00Z&sp=r&sig={sig}"', [sig]


def service_account(rng: Rng) -> tuple[str, list[str]]:
    key, lines = pem("PRIVATE KEY")(Rng(rng.random()))
    lines = [chars(rng, B64, 64) for _ in range(6)]
    text = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(lines) + "\n-----END PRIVATE KEY-----\n"
    return json.dumps({"type": "service_account", "project_id": word(rng), "private_key_id": chars(rng, HEX, 40), "private_key": text}, indent=2), lines


def npmrc(rng: Rng) -> tuple[str, list[str]]:
    v = rng.choice((str(uuid.UUID(int=rng.getrandbits(128))), chars(rng, ALNUM, 36) + "1"))
    return f"//registry.internal/:_authToken={v}", [v]


def encoded_pem(rng: Rng) -> tuple[str, list[str]]:
    body = "\n".join(chars(rng, B64, 64) for _ in range(8))
    value = b64(f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")
    return f"client-key-data: {value}", [value]


def heroku(rng: Rng) -> tuple[str, list[str]]:
    v = str(uuid.UUID(int=rng.getrandbits(128)))
    return rng.choice(("HEROKU_API_KEY={}", 'heroku_api_key = "{}"', "api_key: {}")).format(v), [v]


SECRETS = {
    "AWS access key id": one_of(token("AK" + "IA", UPPER, 16), token("AS" + "IA", UPPER, 16)),
    "AWS secret key": assigned(("aws_secret_access_key", "secret_key", "AWS_SECRET_ACCESS_KEY", "secretAccessKey"), lambda r: chars(r, B64, 40)),
    "AWS session token": assigned(("aws_session_token", "AWS_SESSION_TOKEN"), lambda r: chars(r, B64, 200)),
    "GitHub classic token": one_of(*[token(p + "_", ALNUM, 36) for p in ("ghp", "gho", "ghs", "ghu", "ghr")]),
    "GitHub fine-grained token": token("github" + "_pat_", ALNUM + "_", 82),
    "GitLab token": one_of(*[token(p + "-", URL64, 20) for p in ("glpat", "gldt", "glrt")]),
    "Google API key": token("AI" + "za", URL64, 35),
    "Google OAuth secret": token("GOC" + "SPX-", URL64, 28),
    "Google service account": service_account,
    "OpenAI key": one_of(token("sk" + "-", ALNUM, 48), token("sk" + "-proj-", URL64, 120)),
    "Anthropic key": token("sk" + "-ant-api03-", URL64, 93),
    "Slack token": one_of(token("xo" + "xb-", DIGITS, 40), token("xo" + "xp-", DIGITS + LETTERS, 60)),
    "Slack webhook": lambda r: (lambda v: ("slack_url: https://hooks." + f"slack.com/services/{v}", [v]))(f"T{chars(r, UPPER, 8)}/B{chars(r, UPPER, 8)}/{chars(r, ALNUM, 24)}"),
    "Stripe key": one_of(token("sk" + "_live_", ALNUM, 24), token("rk" + "_live_", ALNUM, 24)),
    "Twilio key": token("S" + "K", HEX, 32),
    "SendGrid key": lambda r: (lambda a, b: (anywhere(r, "S" + f"G.{a}.{b}"), [b]))(chars(r, URL64, 22), chars(r, URL64, 43)),
    "npm token": one_of(token("np" + "m_", ALNUM, 36), npmrc),
    "PyPI token": token("py" + "pi-AgEIcHlwaS5vcmc", URL64, 120),
    "Docker Hub token": token("dckr" + "_pat_", URL64, 27),
    "Docker auth": docker_auth,
    "Hugging Face token": token("h" + "f_", LETTERS, 34),
    "Terraform Cloud token": lambda r: (lambda a, b: (anywhere(r, f"{a}.atlas" + f"v1.{b}"), [b]))(chars(r, ALNUM, 14), chars(r, URL64, 67)),
    "Vault token": token("hv" + "s.", URL64, 24),
    "Azure storage key": azure_storage,
    "Azure signed URL": sas,
    "Azure client secret": lambda r: (lambda v: (anywhere(r, v), [v]))(chars(r, ALNUM, 3) + "8" + "Q~" + chars(r, ALNUM + "_~.-", 33) + "x"),
    "DigitalOcean token": token("do" + "p_v1_", HEX, 64),
    "Datadog key": assigned(("datadog_api_key", "DD_API_KEY", "api_key", "dd_app_key", "apiKey"), lambda r: chars(r, HEX, 32)),
    "JSON web token": jwt,
    "private key": one_of(pem("RSA PRIVATE KEY"), pem("PRIVATE KEY"), pem("EC PRIVATE KEY")),
    "OpenSSH key": pem("OPENSSH PRIVATE KEY"),
    "encrypted private key": one_of(pem("RSA PRIVATE KEY", encrypted=True), pem("ENCRYPTED PRIVATE KEY")),
    "private key in base64": encoded_pem,
    "PGP key": pem("PGP PRIVATE KEY BLOCK"),
    "password in a URL": url_password,
    "basic authorization": basic_auth,
    "bearer token": bearer,
    "Secret object, base64": secret_object,
    "Secret object, strings": secret_strings,
    "password, assigned": assigned(("password", "db_password", "DB_PASSWORD", "POSTGRES_PASSWORD", "adminPassword", "MYSQL_ROOT_PASSWORD", "master_password", "db_pass"), password),
    "export line": assigned(("DB_PASSWORD", "API_TOKEN", "SECRET_KEY", "APP_SECRET"), lambda r: chars(r, ALNUM, 26) + "3k", ("export {n}={v}", 'export {n}="{v}"')),
    "Ansible password": task_password,
    "Ansible vault": vault_file,
    "variable default": variable_default,
    "parameter default": parameter_default,
    "client secret": assigned(("client_secret", "clientSecret", "OAUTH_CLIENT_SECRET", "app_secret"), lambda r: chars(r, ALNUM, 32) + "5"),
    "generic token": assigned(("token", "auth_token", "api_token", "accessToken", "GRAFANA_TOKEN", "secret_key_base", "encryption_key"), lambda r: chars(r, r.choice((HEX, URL64)), 40) + "a1"),
    "password hash": crypt_hash,
    "command line": command_line,
    "connection string": connection,
    "Heroku key": heroku,
    "Databricks token": token("da" + "pi", HEX, 32),
}  # fmt: skip


def digest(rng: Rng, n: int = 64) -> str:
    return chars(rng, HEX, n)


def certificate(rng: Rng) -> str:
    return "\n".join(chars(rng, B64, 64) for _ in range(6))


HARMLESS = {
    "image digest": lambda r: f"image: nginx@sha256:{digest(r)}",
    "pinned action": lambda r: f"- uses: actions/checkout@{digest(r, 40)} # v{r.randint(1, 9)}",
    "npm integrity": lambda r: f'"integrity": "sha512-{chars(r, B64, 86)}==",',
    "go.sum": lambda r: f"github.com/x/y v1.{r.randint(0, 99)}.0 h1:{chars(r, B64, 43)}=",
    "provider lock": lambda r: f'    "h1:{chars(r, B64, 43)}=",\n    "zh:{digest(r)}",',
    "pip hash": lambda r: f"    --hash=sha256:{digest(r)} \\",
    "checksum": lambda r: r.choice(("checksum: sha256:{}", 'checksum = "{}"', "sha256sum {}", "ARG TOOL_SHA256={}", "etag = {}")).format(digest(r)),
    "md5": lambda r: f"md5: {digest(r, 32)}",
    "commit": lambda r: r.choice(('ref = "{}"', "git checkout {}", "?ref={}", "revision: {}")).format(digest(r, 40)),
    "UUID": lambda r: r.choice(('client_id = "{}"', "tenant_id: {}", 'subscription_id = "{}"', "uuid: {}", "objectId: '{}'")).format(uuid.UUID(int=r.getrandbits(128))),
    "ARN": lambda r: f'kms_key_id = "arn:aws:kms:eu-west-1:{chars(r, DIGITS, 12)}:key/{uuid.UUID(int=r.getrandbits(128))}"',
    "secret ARN": lambda r: f'secret_arn = "arn:aws:secretsmanager:eu-west-1:{chars(r, DIGITS, 12)}:secret:db/password-{chars(r, ALNUM, 6)}"',
    "cloud id": lambda r: r.choice(("ami-0{}", "subnet-0{}", "sg-0{}", "vpc-0{}", "i-0{}")).format(digest(r, 16)).join(('id = "', '"')),
    "example AWS key": lambda r: "access_key = " + r.choice(("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", "ASIAIOSFODNN7EXAMPLE")),
    "example AWS secret": lambda r: r.choice(("aws_secret_access_key = {}", 'secret_key = "{}"')).format("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "private address": lambda r: f'cidr = "{r.choice(("10.{}.0.0/16", "192.168.{}.0/24", "172.16.{}.1"))}"'.format(r.randint(0, 255)),
    "documentation address": lambda r: r.choice(("203.0.113.{}", "198.51.100.{}", "192.0.2.{}")).format(r.randint(1, 254)),
    "public DNS": lambda r: r.choice(("nameserver 8.8.8.8", "- 1.1.1.1", "dns: 9.9.9.9", "2001:4860:4860::8888", "8.8.4.4/32")),
    "version": lambda r: r.choice(('version = "~> {}.{}.{}"', "FROM node:{}.{}.{}-alpine", "{}.{}.{}.0", "k8s.io/api v{}.{}.{}")).format(*[r.randint(0, 40) for _ in range(3)]),
    "variable": lambda r: r.choice(("password = var.db_password", 'password = "${var.db_password}"', "password: {{ vault_db_password }}", 'password: "{{ lookup(\'env\', \'DB_PASSWORD\') }}"',
                                    "DB_PASSWORD: ${DB_PASSWORD}", "export TOKEN=$(cat /run/token)", "token: ${{ secrets.GITHUB_TOKEN }}", "password = random_password.db.result",
                                    "secret_string = jsonencode(local.credentials)", 'password = data.aws_secretsmanager_secret_version.db.secret_string', "MYSQL_PASSWORD_FILE: /run/secrets/db",
                                    "password: !Ref DBPassword", "password: !Sub '{{resolve:secretsmanager:db:SecretString:password}}'", 'DB_PASSWORD="$DB_PASSWORD"', "password=os.environ['X']",
                                    "token = get_token(request)", "password: str | None = None", "password: *default_password", "  password = module.db.admin_password")),
    "reference": lambda r: r.choice(("secretName: {}-tls", "passwordSecretRef:\n  name: {}-db-credentials\n  key: password", "secretKeyRef:\n  name: {}\n  key: password", "existingSecret: {}-postgres-auth",
                                     'secret_id = "{}/prod/db"', "imagePullSecrets:\n  - name: {}-registry", "tokenSecretName: {}-token-v2", "credentialsSecret: {}-cloud-credentials",
                                     'name = "{}-secret-store"', "authSecretName: {}-auth")).format(word(r)),
    "setting": lambda r: r.choice(("password_policy = \"strict\"", "minimum_password_length = {}", "password_reuse_prevention: {}", "max_password_age = {}", "token_ttl = {}", "secret_version: {}",
                                   "no_log: true  # hides the password, {} of them", "automountServiceAccountToken: false", "token_type: bearer", "access_token_validity = {}",
                                   "require_symbols_in_password = true", "PasswordAuthentication no", "PermitRootLogin prohibit-password")).format(r.randint(1, 3600)),
    "key that is none": lambda r: r.choice(("partition_key = \"user_id\"", "hash_key = \"LockID\"", "sort_key: createdAt", "key: app.kubernetes.io/name", 'key = "prod/network/terraform.tfstate"', "cache-key: v{}-deps",
                                            'key_name = "deployer"', "topologyKey: kubernetes.io/hostname", "primary_key: id", "groupKey: tenant{}")).format(r.randint(1, 99)),
    "prose": lambda r: r.choice(("Set the password of the database user before you deploy.", "The token must be rotated every {} days.", "# never commit a secret: use the vault instead", "password: The password of the admin user",
                                 'description = "The master password for the database, {} characters or more"', "Password: your password here", "api_key: the key that you got by mail")).format(r.randint(8, 90)),
    "example secret": lambda r: r.choice(("password: changeme", "password = \"CHANGE_ME\"", "api_key: <your-api-key>", "token: xxxxxxxxxxxxxxxxxxxx", "DB_PASSWORD=example-password", "password: password", "secret: my-secret",
                                          'client_secret = "REPLACE_WITH_SECRET"', "POSTGRES_PASSWORD: postgres", "password: 'example'", "token: your_token_goes_here", "postgres://user:password@host/db", "https://user:${{TOKEN}}@host/x",
                                          "redis://:${REDIS_PASSWORD}@redis:6379", "MINIO_ROOT_PASSWORD=minioadmin", "password: ''", 'password = ""', "password: null")),
    "public key": lambda r: f'public_key = "ssh-{r.choice(("rsa AAAAB3NzaC1yc2EAAAADAQABAAAB", "ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"))}{chars(r, B64, 180)} deployer"',
    "fingerprint": lambda r: r.choice((f"SHA256:{chars(r, B64, 43)}", "key_id: 0x" + digest(r, 16).upper(), "thumbprint_list = [\"" + digest(r, 40) + "\"]")),
    "certificate": lambda r: f"-----BEGIN CERTIFICATE-----\n{certificate(r)}\n-----END CERTIFICATE-----",
    "certificate in base64": lambda r: "certificate-authority-data: " + b64(f"-----BEGIN CERTIFICATE-----\n{certificate(r)}\n-----END CERTIFICATE-----\n"),
    "CA bundle": lambda r: "caBundle: " + b64(f"-----BEGIN CERTIFICATE-----\n{certificate(r)}\n"),
    "public key block": lambda r: f"-----BEGIN PUBLIC KEY-----\n{certificate(r)}\n-----END PUBLIC KEY-----",
    "base64 of a config": lambda r: f'user_data = "{b64("#!/bin/bash" + chr(10) + "yum install -y " + word(r) + chr(10))}"',
    "address that is no mail": lambda r: r.choice(("git@github.com:{}/infra.git", "ssh://git@gitlab.internal/{}.git", "{}@example.com", "terraform@{}.iam.gserviceaccount.com", "npm i {}@1.2.3", "noreply@{}.org",
                                                   "admin@localhost", "root@{}", "uses: {}/setup@v4", "getty@tty1.service", "support@{}.io", "12345+{}@users.noreply.github.com")).format(word(r)),
    "number that is no phone": lambda r: r.choice(("timestamp: 2024-01-{:02d}T10:00:00+01:00", "offset: +0100 {}", "port: 5432{}", "{}+1234", "account_id = \"1234567890{}\"", "serial: 2024010{}01")).format(r.randint(10, 28)),
    "generated name": lambda r: f"my-app-{digest(r, 10)}-{chars(r, string.ascii_lowercase + DIGITS, 5)}",
    "dashed id": lambda r: f"name: {word(r)}-{word(r)}-{r.randint(1, 99)}-{digest(r, 8)}",
    "service address": lambda r: f"http://{word(r)}.default.svc.cluster.local:8080/{word(r)}?x={r.randint(1, 9)}",
    "license text": lambda r: 'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED',
}  # fmt: skip
