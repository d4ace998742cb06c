"""
Sentences that fit everything: {thing} is what is wanted with its article, {bare} the same without one, {code} is
'a Kubernetes manifest', {tool} 'Kubernetes', and <parts> what has to be said about it, in any order.
"""

TOOLS = {  # names of a kind, as people say them: choices
    "terraform": "[Terraform|HCL|OpenTofu|terraform]",
    "kubernetes": "[Kubernetes|k8s]",
    "dockerfile": "[Docker|Dockerfile]",
    "cloudformation": "[CloudFormation|AWS CloudFormation]",
    "ansible": "[Ansible|ansible]",
    "compose": "[Docker Compose|Compose]",
    "crossplane": "[Crossplane|crossplane]",
}
CODE = {  # what is written in it
    "terraform": "[Terraform|Terraform code|HCL|OpenTofu code]",
    "kubernetes": "[a Kubernetes manifest|Kubernetes YAML|k8s YAML]",
    "dockerfile": "a Dockerfile",
    "cloudformation": "[a CloudFormation template|CloudFormation]",
    "ansible": "[an Ansible playbook|Ansible]",
    "compose": "[a Compose file|a Docker Compose file]",
    "crossplane": "[a Crossplane manifest|Crossplane YAML]",
}
TRAIN = (
    "[Write|Create|Make] {thing} [in|with] {tool}: <{parts}>.",
    "I need {thing} in {tool}, <{parts}>.",
    "{tool}: {bare}, <{parts}>",
    "{bare} in {tool}, <{parts}>",
    "[Please write|Give me|Write] {code} for {thing} with <{parts}>.",
    "We need {thing}: <{parts}>. Use {tool}.",
    "[Can|Could] you write {code} for {thing}, <{parts}>?",
    "Set up {thing} [with|in] {tool}: <{parts}>.",
    "What is the {tool} for {thing} with <{parts}>?",
    "How do I write {thing} in {tool}? It has <{parts}>.",
    "Please create {thing}, <{parts}>, in {tool}.",
    "{bare}, <{parts}>, {tool}",
    "[Add|I want] {thing} in {tool}, <{parts}>, please.",
)
HELD = (
    "Please make {thing} with {tool}; it has <{parts}>.",
    "In {tool}, I want {thing} with <{parts}>.",
    "[Can|Could] you set up {thing} in {tool} with <{parts}>?",
)


NAMED = {  # for what has a name, which is not said among the parts then
    "train": (
        "[Write|Create|Make] {thing} [called|named] {name} [in|with] {tool}, <{rest}>.",
        "[Please write|Give me] {code} for {thing} [called|named] {name}: <{rest}>.",
        "{name}: {bare}, <{rest}>, {tool}",
    ),
    "held": ("Please set up {thing} [called|named] {name} with {tool}, <{rest}>.",),
}


def fill(split: str, parts: str) -> tuple[str, ...]:
    """The sentences of a split ("train" or "held") for something that has these parts."""
    found = [frame.replace("{parts}", parts) for frame in {"train": TRAIN, "held": HELD}[split]]
    rest = "; ".join(part for part in parts.split("; ") if part != "name {name}")
    if rest not in (parts, ""):
        found += [frame.replace("{rest}", rest) for frame in NAMED[split]]
    return tuple(found)


def bare(thing: str) -> str:
    """'[a queue|an SQS queue]' -> '[queue|SQS queue]'"""
    for article in ("a ", "an "):
        thing = thing.replace(f"[{article}", "[").replace(f"|{article}", "|").removeprefix(article)
    return thing
