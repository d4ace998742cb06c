"""
How much of what is planted does the audit find, and how fast is it?

    python benchmarks/iac_audit.py                                  recall, false alarms, time for 1,000 files
    python benchmarks/iac_audit.py --checkov path/to/checkov        the same files through checkov's own command
    python benchmarks/iac_audit.py --code FOLDER                    time on code of yours as well

Faults are planted in three places: in the clean documents of the tests after these were rearranged, renamed, commented
and laid out anew; in rendered intents; in modules of several intents. Needs a checkout, for tests/recipes.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from common import ACORN, ROOT, emit

sys.path.insert(0, str(ROOT / "tests" / "recipes"))

import yaml
from audit_cases import documents

from acorn.evals.intervals import wilson
from acorn.recipes.iac import audit
from acorn.recipes.iac.intents import INTENTS, PAIRS
from acorn.recipes.iac.synth import module

# (kind, what is looked for, what comes in its place, the rules of which one has to see it)
EDITS = [
    ("terraform", r"storage_encrypted( *)= true", r"storage_encrypted\1= false", ["AWS-060"]),
    ("terraform", r" +storage_encrypted *= true\n", "", ["AWS-060"]),
    ("terraform", r"publicly_accessible( *)= false", r"publicly_accessible\1= true", ["AWS-061"]),
    ("terraform", r"(block_public_acls|block_public_policy|ignore_public_acls)( *)= true", r"\1\2= false", ["AWS-003"]),
    ("terraform", r" +restrict_public_buckets *= true\n", "", ["AWS-003"]),
    ("terraform", r'cidr_blocks( *)= \["10\.[^"]*"\]', r'cidr_blocks\1= ["0.0.0.0/0"]',
     ["AWS-020", "AWS-021", "AWS-022"]),
    ("terraform", r'(http_tokens *= )"required"', r'\1"optional"', ["AWS-080"]),
    ("terraform", r"enable_key_rotation( *)= true", r"enable_key_rotation\1= false", ["AWS-050"]),
    ("terraform", r'"IMMUTABLE"', '"MUTABLE"', ["AWS-015"]),
    ("terraform", r'(image_tag_mutability *= )"IMMUTABLE"', r'\1"MUTABLE"', ["AWS-015"]),
    ("terraform", r"scan_on_push( *)= true", r"scan_on_push\1= false", ["AWS-016"]),
    ("terraform", r"sqs_managed_sse_enabled( *)= true", r"sqs_managed_sse_enabled\1= false", ["AWS-071"]),
    ("terraform", r" +kms_master_key_id *= [^\n]*\n", "", ["AWS-071", "AWS-072"]),
    ("terraform", r"(?<!_)encrypted( *)= true", r"encrypted\1= false", ["AWS-010", "AWS-011", "AWS-014", "AWS-066"]),
    ("terraform", r'^  (?:tags|labels) *= \{[^}]*\}\n', "", ["AWS-092", "AZ-052", "GCP-052"]),
    ("terraform", r'Action( *)= \[\n? *"(\w+):[^\]]*\]', r'Action\1= ["\2:*"]', ["AWS-041"]),
    ("terraform", r'Principal( *)= \{ *Service[^}]*\}', r'Principal\1= "*"', ["AWS-044", "AWS-045", "AWS-007"]),
    ("terraform", r'(min_tls_version *= )"TLS1_2"', r'\1"TLS1_0"', ["AZ-002"]),
    ("terraform", r"uniform_bucket_level_access( *)= true", r"uniform_bucket_level_access\1= false", ["GCP-002"]),
    ("terraform", r"public_network_access_enabled( *)= false", r"public_network_access_enabled\1= true",
     ["AZ-015", "AZ-005"]),
    ("terraform", r"(manage_master_user_password) *= true", r'password = "hunter22"', ["TF-001"]),
    ("kubernetes", r"^( +)containers:", r"\1hostNetwork: true\n\1containers:", ["K8S-006"]),
    ("kubernetes", r"^( +)containers:", r"\1hostPID: true\n\1containers:", ["K8S-007"]),
    ("kubernetes", r"(\n +)(- )?image: ([^\n:@]+):[^\n@]+", r"\1\2image: \3:latest", ["K8S-013"]),
    ("kubernetes", r"(\n +)(- )?image: ([^\n:@]+):[^\n@]+", r"\1\2image: \3", ["K8S-013"]),
    ("kubernetes", r"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", ["K8S-002"]),
    ("kubernetes", r"allowPrivilegeEscalation: false", "privileged: true", ["K8S-001"]),
    ("kubernetes", r"runAsNonRoot: true", "runAsNonRoot: false", ["K8S-003"]),
    ("kubernetes", r'(verbs:) *\[[^\]]*\]', r'\1 ["*"]', ["K8S-040", "K8S-041"]),
    ("kubernetes", r"(verbs:)(\n +- )[^\n]+", r'\1\2"*"', ["K8S-040", "K8S-041"]),
    ("kubernetes", r"type: ClusterIP", "type: NodePort", ["K8S-051"]),
    ("kubernetes", r"(?s)\A(?!.* env:)(.*?\n)( +)(- name: \w+\n)( +)image:",
     r"\1\2\3\4env:\n\4  - name: DB_PASSWORD\n\4    value: hunter22\n\4image:", ["K8S-017"]),
    ("dockerfile", r"^USER .*\n", "", ["DOCKER-001"]),
    ("dockerfile", r"^USER .*", "USER root", ["DOCKER-001"]),
    ("dockerfile", r"^FROM ([\w./-]+):[\w.-]+", r"FROM \1:latest", ["DOCKER-002"]),
    ("dockerfile", r"^WORKDIR (.*)", r"WORKDIR \1\nENV API_KEY=b7e23ec29af22b0b", ["DOCKER-004"]),
    ("dockerfile", r"^WORKDIR (.*)", r"WORKDIR \1\nRUN curl -sS https://example.com/x.sh | sh", ["DOCKER-005"]),
    ("dockerfile", r"^COPY (?!--)(\S+ \S+)$", r"ADD \1", ["DOCKER-008"]),
    ("dockerfile", r"--no-cache-dir ", "", ["DOCKER-012"]),
    ("compose", r"^( +)image: ([^\n:@]+):[^\n@]+", r"\1image: \2:latest", ["COMPOSE-007"]),
    ("compose", r"^( +)image: (.*)", r"\1image: \2\n\1privileged: true", ["COMPOSE-001"]),
    ("compose", r"^( +)image: (.*)", r"\1image: \2\n\1network_mode: host", ["COMPOSE-003"]),
    ("compose", r"^( +)image: (.*)", r"\1image: \2\n\1cap_add: [SYS_ADMIN]", ["COMPOSE-005"]),
    ("ansible", r'mode: "?0?6[04][04]"?', 'mode: "0777"', ["ANSIBLE-004"]),
    ("ansible", r"((?:apt|dnf|yum|package|pip):\n(?: +[\w-].*\n)*? +state: )present", r"\1latest", ["ANSIBLE-012"]),
    ("ansible", r" +no_log: true\n", "", ["ANSIBLE-002"]),
    ("ansible", r"url: https://", "url: http://", ["ANSIBLE-007"]),
    ("cloudformation", r"StorageEncrypted: true", "StorageEncrypted: false", ["AWS-060"]),
    ("cloudformation", r"BlockPublicAcls: true", "BlockPublicAcls: false", ["AWS-003"]),
    ("cloudformation", r"EnableKeyRotation: true", "EnableKeyRotation: false", ["AWS-050"]),
    ("cloudformation", r"CidrIp: 10\.\S+", "CidrIp: 0.0.0.0/0", ["AWS-020", "AWS-021", "AWS-022"]),
    ("crossplane", r"storageEncrypted: true", "storageEncrypted: false", ["AWS-060"]),
    ("crossplane", r"blockPublicAcls: true", "blockPublicAcls: false", ["AWS-003"]),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="how many to take the time of")
    parser.add_argument("--layouts", type=int, default=3, help="of each clean document")
    parser.add_argument("--draws", type=int, default=4, help="of each intent")
    parser.add_argument("--checkov", help="checkov's command, to compare with")
    parser.add_argument("--code", type=Path, help="a folder to audit as well")
    parser.add_argument("--show", action="store_true", help="what was missed and what was found in clean twins")
    options = parser.parse_args()
    rows, figures = [["planted in", "faults", "found", "recall", "95 % interval", "alarms in clean twins"]], {}
    for name, found in {
        "tests' documents": in_documents(options.layouts, options.show),
        "intents": in_rendered(rendered(options.draws), options.show),
        "modules": in_rendered(modules(40), options.show),
    }.items():
        hits, total, alarms, twins = found
        low, high = wilson(hits, total)
        share = f"{hits / max(total, 1):.2%}"
        rows.append([name, f"{total:,}", f"{hits:,}", share, f"{low:.1%} to {high:.1%}", f"{alarms} in {twins}"])
        figures[name] = {"planted": total, "found": hits, "twins": twins, "alarms": alarms}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.files)
        figures["time"] = timing(Path(folder), rows)
        if options.checkov:
            figures["checkov"] = compare(options.checkov, Path(folder), rows)
    if options.code:
        figures["code"] = timing(options.code, rows)
    emit("iac_audit", rows, figures)


def rule_ids(text: str, kind: str) -> Counter:
    return Counter(one.rule for one in audit.findings(text, kind))


# ---- the tests' documents, laid out anew ---------------------------------------------------------------------------


def in_documents(layouts: int, show: bool) -> tuple[int, int, int, int]:
    hits = total = alarms = twins = 0
    for clean in documents():
        for seed in range(layouts):
            twin = rule_ids(lay_out(clean.text, clean.kind, seed), clean.kind)
            twins, alarms = twins + 1, alarms + sum(twin.values())
            if show and twin:
                print("in a clean twin:", clean.name, seed, dict(twin), file=sys.stderr)
            for fault in clean.faults:
                bad = lay_out(fault.apply(clean.text), clean.kind, seed)
                found = fault.rule in rule_ids(bad, clean.kind)
                total, hits = total + 1, hits + found
                if show and not found:
                    print("missed:", clean.name, seed, fault.rule, repr(fault.new[:60]), file=sys.stderr)
    return hits, total, alarms, twins


def lay_out(text: str, kind: str, seed: int) -> str:
    """The same things, written in another way."""
    rng = random.Random(seed)
    if kind == "terraform":
        blocks = re.split(r"(?m)^(?=(?:resource|data|variable|output|module|provider|terraform|locals)\b)", text)
        rng.shuffle(blocks)
        if seed % 2:
            blocks = [re.sub(r"(?m)^( +[\w-]+) +=", r"\1 =", block) for block in blocks]
        labels = sorted(set(re.findall(r'(?m)^(?:resource|data) "[\w-]+" "([\w-]+)"', text)), key=len, reverse=True)
        text = "\n# ------\n".join(block.rstrip() + "\n" for block in blocks if block.strip())
        for label in labels:
            text = re.sub(rf'(?<=")({label})(?=" \{{)|(?<=\.)({label})(?=[.\[])', f"{label}_{seed}", text)
        return text
    if kind == "dockerfile":
        lines = [
            line
            for one in text.split("\n")
            for line in ([f"# step {rng.random():.2f}", one] if one[:3] == "RUN" else [one])
        ]
        return "\n".join(lines)
    if kind in ("kubernetes", "crossplane", "compose", "ansible") and seed % 3:
        found = list(yaml.safe_load_all(text))
        if seed % 3 == 1:
            return yaml.safe_dump_all(found, sort_keys=True, indent=4, width=200)
        return "---\n".join(json.dumps(one, indent=1) + "\n" for one in found)
    return re.sub(
        r"(?m)^(\s*)(- )?(\w+):(?=\s)", lambda m: f"{m[0]}" if rng.random() < 0.9 else f"{m[1]}# a note\n{m[0]}", text
    )


# ---- intents and modules -------------------------------------------------------------------------------------------


def rendered(draws: int) -> list[tuple[str, str]]:
    return [(intent.render(intent.draw(random.Random(seed), "train", kind), kind), kind)
            for intent, kind in pairs() for seed in range(draws)]  # fmt: skip


def pairs() -> list:
    return list(PAIRS) or [pair for intent in INTENTS.values() for pair in intent.pairs()]


def modules(count: int) -> list[tuple[str, str]]:
    """Several intents in a file."""
    found = []
    for seed in range(count):
        rng = random.Random(seed)
        intent, kind = rng.choice([pair for pair in pairs() if pair[1] in ("terraform", "kubernetes", "crossplane")])
        found.append((module(rng, intent, kind), kind))
    return found


def in_rendered(texts: list[tuple[str, str]], show: bool) -> tuple[int, int, int, int]:
    """An alarm is a finding of high severity: these were written to be safe, not to please every rule."""
    hits = total = alarms = 0
    for text, kind in texts:
        before = audit.findings(text, kind)
        counts = Counter(one.rule for one in before)
        alarms += sum(one.severity == "error" for one in before)
        for where, pattern, new, ids in EDITS:
            rules = [f"ACORN-{one}" for one in ids]
            if where != kind or not re.search(pattern, text, re.MULTILINE):
                continue
            bad = re.sub(pattern, new, text, count=1, flags=re.MULTILINE)
            after = rule_ids(bad, kind)
            if bad == text or any(one in counts for one in ("unreadable",)) or sum(counts[one] for one in rules):
                continue  # nothing was planted, or the finding was there before
            total, found = total + 1, any(after[one] > counts[one] for one in rules)
            hits += found
            if show and not found:
                print("missed:", kind, rules, "in", repr(bad[:400]), file=sys.stderr)
    return hits, total, alarms, len(texts)


# ---- time ----------------------------------------------------------------------------------------------------------


def write_files(folder: Path, count: int) -> None:
    """Ten files a folder, each one intent; every third with a fault."""
    suffix = {
        "terraform": "main{}.tf",
        "dockerfile": "Dockerfile.{}",
        "ansible": "tasks/main{}.yml",
        "compose": "compose.{}.yaml",
    }
    for index in range(count):
        rng = random.Random(index)
        intent, kind = rng.choice(pairs())
        text = intent.render(intent.draw(rng, "train", kind), kind)
        edits = [edit for edit in EDITS if edit[0] == kind and re.search(edit[1], text, re.MULTILINE)]
        if edits and index % 3 == 0:
            text = re.sub(edits[0][1], edits[0][2], text, count=1, flags=re.MULTILINE)
        text = re.sub(r'" "this"', f'" "this{index}"', text).replace(".this.", f".this{index}.")
        path = folder / f"service{index // 10}" / suffix.get(kind, kind + "{}.yaml").format(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def audited(folder: Path) -> dict:
    command = [*ACORN, "iac", "audit", str(folder), "--json", "--soft-fail"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return json.loads(run.stdout) if run.returncode == 0 else sys.exit(run.stderr[-2000:])


def timing(folder: Path, rows: list) -> dict:
    begin = time.perf_counter()
    found = audited(folder)
    seconds, number = time.perf_counter() - begin, len(found["findings"])
    rows.append([f"time, {found['files']:,} files", "", f"{number:,}", f"{seconds:.2f} s", "start-up included", ""])
    return {"files": found["files"], "findings": number, "seconds": round(seconds, 3)}


def compare(checkov: str, folder: Path, rows: list) -> dict:
    """The same files; of our findings whose rule names ids of checkov, how many it has in the same file."""
    from acorn.recipes.iac.audit.rules import rules

    begin = time.perf_counter()
    command = [checkov, "-d", str(folder), "-o", "json", "--compact", "--quiet", "--soft-fail"]
    run = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    reports = json.loads(run.stdout or "[]")
    theirs = {
        (str(Path(one["file_abs_path"]).resolve()), one["check_id"])
        for report in (reports if isinstance(reports, list) else [reports])
        for one in report.get("results", {}).get("failed_checks", [])
    }
    ours = audited(folder)["findings"]
    both = named = 0
    for one in ours:
        links = (
            [link for link in rules()[one["rule"]].links if link.startswith("CKV")] if one["rule"] in rules() else []
        )
        named += bool(links)
        both += any((str(Path(one["path"]).resolve()), link) in theirs for link in links)
    ids = {link for rule in rules().values() for link in rule.links}
    known = sum(check in ids for _, check in theirs)
    told = f"{known:,} of its findings are of checks that ours name"
    rows.append(
        ["checkov, the same files", "", f"{len(theirs):,}", f"{seconds:.2f} s", f"has {both} of {named} of ours", told]
    )
    return {
        "seconds": round(seconds, 2),
        "findings": len(theirs),
        "ours_with_ids": named,
        "both": both,
        "of_checks_we_name": known,
    }


if __name__ == "__main__":
    main()
