"""
The exact words in which a model is asked to do something with code. Commands and training share them, so that a model
is asked as it was taught. Only `write` has many forms: those are the sentences of intents.
"""

NAMES = {  # of what is given, as it is said to a model
    "terraform": "Terraform",
    "kubernetes": "Kubernetes",
    "dockerfile": "Dockerfile",
    "cloudformation": "CloudFormation",
    "ansible": "Ansible",
    "compose": "Docker Compose",
    "crossplane": "Crossplane",
}
SYSTEM = "You are acorn, a DevOps architect. You write infrastructure code that validates, and you say what is risky."
CLEAN = "I see no risk in it."


def translate(code: str, kind: str, to: str) -> str:
    """Answer: the code in the other kind, nothing else."""
    return f"Translate this {NAMES[kind]} to {NAMES[to]}:\n{code}"


def fix(code: str, kind: str, finding: str) -> str:
    """finding: the message of a validator or of an audit rule, without its place. Answer: the whole code, corrected."""
    return f"Fix this {NAMES[kind]}: {finding}\n{code}"


def explain(code: str, kind: str) -> str:
    """Answer: a sentence that says what the code makes."""
    return f"Explain this {NAMES[kind]}:\n{code}"


def audit(code: str, kind: str) -> str:
    """Answer: one risk and what to do about it, in two sentences, or CLEAN."""
    return f"What is risky in this {NAMES[kind]}?\n{code}"
