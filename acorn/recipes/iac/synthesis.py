"""
Terraform out of the schemas: documents that are valid by construction, about every resource and data source in turn.
Values look like what people write (synthesis_values), references lead to companions in the same document, and the forms
of real configurations occur: variables, locals, outputs, for_each, count, dynamic blocks, modules, comments.

The same seed gives the same texts. What schemas leave out (which values an argument takes, what excludes what) is not
known here: valid means what `acorn iac validate` looks at.
"""

import re
from collections.abc import Iterator
from random import Random

from acorn.recipes.iac import schemas, words
from acorn.recipes.iac.render.hcl import Block, Ref, block
from acorn.recipes.iac.synthesis_values import SECRET, Values

PROVIDERS = ("aws", "azurerm", "google", "kubernetes")
DEPTH = 4  # blocks within blocks that are not required
BUDGET = 60  # arguments of a document; then only what is required follows
SKIPPED = re.compile(r"id|tags_all|terraform_labels|effective_labels|.*_prefix|.*_wo|.*_wo_version|timeouts|region")
# (names of arguments, type that they refer to, attribute of it)
REFERENCES = {
    "aws": (
        (r"(?:.*_)?vpc_id", "aws_vpc", "id"),
        (r"(?:.*_)?(?:subnet_ids?|subnets)", "aws_subnet", "id"),
        (r"(?:.*_)?security_groups?(?:_ids?)?", "aws_security_group", "id"),
        (r"(?:.*_)?role_arn", "aws_iam_role", "arn"),
        (r"role", "aws_iam_role", "name"),
        (r"(?:.*_)?kms_(?:master_)?key_(?:id|arn)", "aws_kms_key", "arn"),
        (r"(?:s3_)?bucket(?:_name)?", "aws_s3_bucket", "bucket"),
        (r"(?:.*_)?bucket_arn", "aws_s3_bucket", "arn"),
        (r"(?:.*_)?log_group_name", "aws_cloudwatch_log_group", "name"),
        (r"(?:.*_)?(?:sns_)?topic_arn", "aws_sns_topic", "arn"),
        (r"(?:.*_)?(?:hosted_)?zone_id", "aws_route53_zone", "zone_id"),
        (r"(?:.*_)?certificate_arn", "aws_acm_certificate", "arn"),
        (r"rest_api_id", "aws_api_gateway_rest_api", "id"),
        (r"load_balancer_arn", "aws_lb", "arn"),
        (r"(?:.*_)?target_group_arns?", "aws_lb_target_group", "arn"),
    ),
    "azurerm": (
        (r"resource_group_name", "azurerm_resource_group", "name"),
        (r"location", "azurerm_resource_group", "location"),
        (r"(?:.*_)?subnet_id", "azurerm_subnet", "id"),
        (r"(?:.*_)?virtual_network_name", "azurerm_virtual_network", "name"),
        (r"(?:.*_)?virtual_network_id", "azurerm_virtual_network", "id"),
        (r"key_vault_id", "azurerm_key_vault", "id"),
        (r"storage_account_id", "azurerm_storage_account", "id"),
        (r"storage_account_name", "azurerm_storage_account", "name"),
        (r"(?:log_analytics_)?workspace_id", "azurerm_log_analytics_workspace", "id"),
        (r"(?:.*_)?network_security_group_id", "azurerm_network_security_group", "id"),
        (r"(?:.*_)?public_ip_address_id", "azurerm_public_ip", "id"),
    ),
    "google": (
        (r"(?:vpc_)?network", "google_compute_network", "id"),
        (r"subnetwork", "google_compute_subnetwork", "id"),
        (r"service_account(?:_email)?", "google_service_account", "email"),
        (r"kms_key_name", "google_kms_crypto_key", "id"),
        (r"bucket(?:_name)?", "google_storage_bucket", "name"),
        (r"(?:pubsub_)?topic", "google_pubsub_topic", "id"),
        (r"dataset_id", "google_bigquery_dataset", "dataset_id"),
        (r"secret_id", "google_secret_manager_secret", "secret_id"),
    ),
    "kubernetes": ((r"namespace", "kubernetes_namespace", "metadata[0].name"),),
}
REFERENCES = {
    provider: [(re.compile(pattern), type_, attribute) for pattern, type_, attribute in rows]
    for provider, rows in REFERENCES.items()
}
MODULES = (  # registry address, version, inputs, an output
    ("terraform-aws-modules/vpc/aws", "~> 6.0", {"name": "name", "cidr": "cidr_block"}, "vpc_id"),
    ("terraform-aws-modules/s3-bucket/aws", "~> 5.0", {"bucket": "bucket"}, "s3_bucket_arn"),
    ("Azure/naming/azurerm", "~> 0.4", {"suffix": "suffixes"}, "resource_group"),
    ("terraform-google-modules/network/google", "~> 12.0", {"network_name": "name"}, "network_id"),
)


def types(provider: str) -> list[tuple[str, str]]:
    """(kind, type) of everything that documents of a provider are about."""
    known = schemas.providers()[provider]
    return [(kind, type_) for kind in ("resource", "data") for type_ in known.types(kind)]


def documents(seed: int, count: int, providers: tuple[str, ...] = PROVIDERS) -> Iterator[str]:
    """One type after the other in an order of the seed's, so that every type occurs before one occurs again."""
    every = [(provider, *one) for provider in providers for one in types(provider)]
    for number in range(count):
        round_, place = divmod(number, len(every))
        if place == 0:
            order = every.copy()
            Random(f"synthesis {seed} {round_}").shuffle(order)
        provider, kind, type_ = order[place]
        yield document(Random(f"synthesis {seed} {number}"), provider, kind, type_)


def document(rng: Random, provider: str, kind: str = "", type_: str = "") -> str:
    """A configuration about one type (default: drawn)."""
    if not type_:
        kind, type_ = rng.choice(types(provider))
    return Draft(rng, provider).write(kind, type_)


class Draft:
    """One document. Blocks gather in `parts` while bodies are drawn, since these ask for companions and variables."""

    def __init__(self, rng: Random, provider: str):
        self.rng, self.provider = rng, provider
        self.values = Values(rng, provider)
        self.label = rng.choice(("this", "main", "this", "main", words.word(rng).replace("-", "_")))
        self.variables: dict[str, dict] = {}
        self.companions: dict[str, str] = {}  # type -> its block
        self.budget = BUDGET
        self.variable_share = rng.choice((0, 0, 0.15, 0.4))
        self.optional_share = rng.choice((0.1, 0.25, 0.5))

    def write(self, kind: str, type_: str) -> str:
        rng, schema = self.rng, schemas.find(kind, type_)
        form = rng.choice(("plain", "plain", "plain", "for_each", "count")) if kind == "resource" else "plain"
        body = self.body(schema, main=True, depth=0, of=type_)
        parts, title = [], type_.split("_", 1)[-1].replace("_", " ")
        if form == "for_each":
            names = sorted({words.word(rng) for _ in range(rng.choice((2, 2, 3)))})
            body = {"for_each": Ref(f"toset({self.listed(names)})"), **body}
            if schema["a"].get("name") in ("?s", "!s"):
                body["name"] = Ref(f'"{self.values.name}-${{each.key}}"')
        elif form == "count":
            self.variables["enabled"] = {"type": Ref("bool"), "default": True}
            body = {"count": Ref("var.enabled ? 1 : 0"), **body}
        tags = schema.get("a", {})
        if tags.get("tags", "=")[0] != "=" and tags["tags"][1:] == "Ms" and rng.random() < 0.25:
            common = {"Environment": rng.choice(words.ENVIRONMENTS), "Team": words.word(rng), "ManagedBy": "terraform"}
            parts.append(block("locals", {"tags": common}))
            own = Ref(f'{{ Name = "{self.values.name}" }}')
            body["tags"] = Ref("local.tags") if rng.random() < 0.6 else Ref(f"merge(local.tags, {own})")
        if kind == "resource" and rng.random() < 0.08:
            body["lifecycle"] = Block(rng.choice(({"prevent_destroy": True}, {"create_before_destroy": True})))
        parts.append(self.comment(title) + block(f'{kind} "{type_}" "{self.label}"', body))
        if rng.random() < 0.5:
            parts.append(self.output(kind, type_, schema, form))
        if rng.random() < 0.05:
            parts += self.module()
        return "\n".join([*self.head(), *self.declared(), *self.companions.values(), *parts])

    def head(self) -> list[str]:
        """terraform { } and provider { }, where they are written at all."""
        rng, provider = self.rng, self.provider
        found = []
        if rng.random() < 0.3:
            version = schemas.providers()[provider].index["version"].split(".")
            wanted = {"source": f"hashicorp/{provider}", "version": f"~> {version[0]}.0"}
            required = rng.choice((">= 1.5", ">= 1.6", ">= 1.9"))
            body = {"required_version": required, "required_providers": Block({provider: wanted})}
            found.append(block("terraform", body))
        if rng.random() < 0.25:
            settings = {
                "aws": {"region": self.values.region},
                "azurerm": {"features": Block()},
                "google": {"project": Ref(self.variable("project_id", "string", "")), "region": self.values.region},
                "kubernetes": {"config_path": "~/.kube/config"},
            }
            found.append(block(f'provider "{provider}"', settings[provider]))
        return found

    def declared(self) -> list[str]:
        return [block(f'variable "{name}"', body) for name, body in self.variables.items()]

    def comment(self, title: str) -> str:
        rng, name = self.rng, self.values.name
        forms = (f"{title.capitalize()} of {name}", f"{name}: {title}", f"The {title} of the {words.word(rng)} team")
        return f"# {rng.choice(forms)}\n" if rng.random() < 0.25 else ""

    def listed(self, names: list[str]) -> str:
        """A list, written or given as a variable."""
        if self.rng.random() < 0.4:
            about = {"description": "One for each name", "type": Ref("list(string)")}
            self.variables["names"] = about | {"default": names}
            return "var.names"
        return "[" + ", ".join(f'"{name}"' for name in names) + "]"

    def output(self, kind: str, type_: str, schema: dict, form: str) -> str:
        known = sorted({"id", "arn", "name", "endpoint", "self_link"} & schema.get("a", {}).keys())
        attribute = self.rng.choice(known or ["id"])
        address = f"{'data.' * (kind == 'data')}{type_}.{self.label}"
        value = {
            "plain": f"{address}.{attribute}" if known else address,
            "for_each": f"{{ for key, one in {address} : key => {'one.' + attribute if known else 'one'} }}",
            "count": f"one({address}[*].{attribute})" if known else f"one({address}[*])",
        }[form]
        body = {"description": f"What others refer to: {attribute}"} if self.rng.random() < 0.4 else {}
        return block(f'output "{attribute if known else self.label}"', {**body, "value": Ref(value)})

    def module(self) -> list[str]:
        source, version, inputs, output = self.rng.choice(MODULES)
        sorts = {"suffixes": "Ls"}
        given = {name: self.values.value(like, sorts.get(like, "s"), {}) for name, like in inputs.items()}
        label = source.split("/")[1].replace("-", "_")
        call = block(f'module "{label}"', {"source": source, "version": version, **given})
        return [call, block(f'output "{label}_{output}"', {"value": Ref(f"module.{label}.{output}")})]

    # ---- bodies ------------------------------------------------------------------------------------------------

    def body(self, schema: dict, main: bool, depth: int, of: str) -> dict:
        """main: of the resource that the document is about; companions hold what is required and a name."""
        rng, found = self.rng, {}
        arguments, objects = schema.get("a", {}), schema.get("o", {})
        for name, code in sorted(arguments.items(), key=lambda item: (item[1][0] != "!", item[0] != "name", item[0])):
            needed = code[0] == "!" or (not main and name in ("name", "bucket", "cidr_block", "address_space"))
            if code[0] == "=" or not (needed or self.wanted(main, name, code)):
                continue
            if code[1:] == "a" and code[0] != "!":
                continue  # often a block whose schema is not known
            self.budget -= 1
            found[name] = self.argument(name, code[1:], objects.get(name, {}), of, depth)
        for name, inner in sorted(schema.get("b", {}).items()):
            wanted = main and depth < DEPTH and self.budget > 0 and not SKIPPED.fullmatch(name)
            if not (inner.get("r") or (wanted and rng.random() < self.optional_share / (depth + 1))):
                continue
            self.budget -= 1
            number = rng.choice((1, 1, 2)) if inner["k"] == "*" and main else 1
            blocks = [Block(self.body(inner, main, depth + 1, of)) for _ in range(number)]
            if main and inner["k"] == "*" and number == 1 and depth == 0 and rng.random() < 0.1 and blocks[0]:
                name, blocks = self.dynamic(name, blocks[0])
            found[name] = blocks
        return found

    def wanted(self, main: bool, name: str, code: str) -> bool:
        if not main or self.budget <= 0 or SKIPPED.fullmatch(name):
            return False
        return name in ("name", "tags", "labels", "location") or self.rng.random() < self.optional_share

    def argument(self, name: str, code: str, fields: dict, of: str, depth: int):
        rng = self.rng
        if "o" not in code and (reference := self.reference(name, code, of)):
            return reference
        if code == "s" and SECRET.fullmatch(name):
            return Ref(self.variable(name, "string", None, sensitive=True))
        value = self.values.value(name, code, fields)
        simple = isinstance(value, str | int | bool) and not isinstance(value, Ref)
        if simple and depth == 0 and rng.random() < self.variable_share and name not in self.variables:
            sort = {"s": "string", "n": "number", "b": "bool"}[code]
            return Ref(self.variable(name, sort, value))
        return value

    def variable(self, name: str, sort: str, default, sensitive: bool = False) -> str:
        if name in ("source", "version", "providers", "count", "for_each", "depends_on", "lifecycle", "locals"):
            name = f"{name}_of_{self.label}"  # words that modules keep for themselves
        body = {"type": Ref(sort)}
        if self.rng.random() < 0.5:
            body = {"description": f"{name.replace('_', ' ').capitalize()} of {self.values.name}", **body}
        if default not in (None, "") and self.rng.random() < 0.7:
            body["default"] = default
        self.variables.setdefault(name, body | ({"sensitive": True} if sensitive else {}))
        return f"var.{name}"

    def dynamic(self, name: str, inner: Block) -> tuple[str, list[Block]]:
        """A block once for every item of a variable."""
        variable = f"{name}s"
        self.variables[variable] = {"type": Ref("set(string)"), "default": []}
        for key, value in inner.items():
            if type(value) is str and key in ("name", "key", "value"):
                inner[key] = Ref(f"{name}.value")
        return f'dynamic "{name}"', [Block({"for_each": Ref(f"var.{variable}"), "content": inner})]

    def reference(self, name: str, code: str, of: str) -> Ref | list[Ref] | None:
        """To a companion, which is added to the document."""
        if code not in ("s", "Ls", "Ts"):
            return None
        for pattern, type_, attribute in REFERENCES[self.provider]:
            if pattern.fullmatch(name) and type_ != of and schemas.find("resource", type_):
                if type_ not in self.companions:
                    if len(self.companions) >= 5:
                        return None
                    self.companions[type_] = ""  # keeps its place, and ends circles
                    body = self.body(schemas.find("resource", type_), False, 0, type_)
                    self.companions[type_] = block(f'resource "{type_}" "{self.label}"', body)
                target = Ref(f"{type_}.{self.label}.{attribute}")
                return target if code == "s" else [target]
        return None
