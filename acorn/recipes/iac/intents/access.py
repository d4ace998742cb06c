"""Who may do what: roles, policies on one thing, CI without keys, groups of people, security groups."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers, find
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.machines import trust
from acorn.recipes.iac.render.cloudformation import stack
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource, variable

SERVICES = "ec2 lambda ecs-tasks eks glue states events scheduler sagemaker codebuild batch backup".split()
POLICIES = (
    "AmazonS3ReadOnlyAccess AmazonS3FullAccess AmazonDynamoDBReadOnlyAccess AmazonDynamoDBFullAccess "
    "AmazonSQSReadOnlyAccess "
    "AmazonSQSFullAccess AmazonSNSReadOnlyAccess AmazonSNSFullAccess CloudWatchReadOnlyAccess CloudWatchLogsFullAccess "
    "AmazonEC2ReadOnlyAccess AmazonRDSReadOnlyAccess AmazonSSMReadOnlyAccess"
).split()
READS = tuple(one for one in POLICIES if "ReadOnly" in one)


class Role(Intent):
    name, kinds, title = "role", ("terraform", "cloudformation"), "IAM role"
    notes = (
        "The trust policy says who may take on the role; the attached policy says what it may do then.",
        "A service takes on a role by itself, so that no key has to be kept anywhere.",
        "Give a role the smallest policy that does the work.",
    )
    thing = "[an IAM role|a role in AWS]"
    parts = "name {name}; [service |]{service}.amazonaws.com; [policy |]{policy}; {plus}"
    train = (
        "{tool}: IAM role {name}, {service}.amazonaws.com, {policy}{plus}",
        "[Please write|Give me] {code} for a role called {name} that {service}.amazonaws.com can assume. Attach "
        "{policy}{plus}.",
        "How do I give {policy} to {service}.amazonaws.com{extras}? The role is called {name}. Use {tool}.",
    )
    held = ("In {tool}, I want a role that {service}.amazonaws.com can assume, called {name}, with {policy}{plus}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "service": rng.choice(SERVICES),
            "policy": rng.choice(POLICIES),
            "session": words.maybe(rng, (7200, 10800, 14400, 21600, 28800, 43200), 0.35),
        }

    def options(self, p):
        return [f"sessions of {p['session']} seconds"] if p["session"] else []

    def terraform_facts(self, p):
        statement = "aws_iam_role/assume_role_policy/Statement"
        return {
            "aws_iam_role/name": p["name"],
            "aws_iam_role/max_session_duration": p["session"],
            f"{statement}/Principal/Service": f"{p['service']}.amazonaws.com",
            f"{statement}/Action": "sts:AssumeRole",
            f"{statement}/Effect": "Allow",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}",
        }

    def terraform(self, p):
        body = {"name": p["name"]}
        if p["session"]:
            body["max_session_duration"] = p["session"]
        body["assume_role_policy"] = jsonencode(trust(p["service"]))
        attachment = {"role": Ref("aws_iam_role.this.name"), "policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}"}
        return resource("aws_iam_role", body) + "\n" + resource("aws_iam_role_policy_attachment", attachment)

    def cloudformation_facts(self, p):
        role = "AWS::IAM::Role"
        statement = f"{role}/AssumeRolePolicyDocument/Statement"
        return {
            f"{role}/RoleName": p["name"],
            f"{role}/MaxSessionDuration": p["session"],
            f"{statement}/Principal/Service": f"{p['service']}.amazonaws.com",
            f"{statement}/Action": "sts:AssumeRole",
            f"{statement}/Effect": "Allow",
            f"{role}/ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{p['policy']}"],
        }

    def cloudformation(self, p):
        body = {"RoleName": p["name"]} | ({"MaxSessionDuration": p["session"]} if p["session"] else {})
        body["AssumeRolePolicyDocument"] = trust(p["service"])
        body["ManagedPolicyArns"] = [f"arn:aws:iam::aws:policy/{p['policy']}"]
        return stack(Role=("AWS::IAM::Role", body))


class SecurityGroup(Intent):
    name, kinds, title = "security-group", ("terraform", "cloudformation"), "security group"
    notes = (
        "A security group lets in only what its rules name; answers to what was let in may always leave.",
        "Each port has its own rule, so that a change to one does not touch the others.",
        "The range 0.0.0.0/0 is the whole internet.",
    )
    thing = "[a security group|an AWS security group]"
    parts = "name {name}; [open |]{ports}; [from|source] {source}"
    train = (
        "{tool}: security group {name}, {ports} from {source}",
        "[Please write|Give me] {code} for a security group called {name}. It allows {ports} from {source}.",
        "We want to open {ports} to {source}. [Call|Name] the security group {name} and use {tool}.",
        "How do I let {source} in on {ports}? The security group is called {name}. Use {tool}.",
    )
    held = ("In {tool}, I want a security group with {ports} open to {source}, called {name}.",)

    def sample(self, rng):
        ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] + [f"10.{n}.0.0/16" for n in range(0, 256, 4)]
        ports = sorted(rng.sample(words.OPEN_PORTS, rng.choice((1, 1, 2))))
        web = ports[0] in (80, 443) and len(ports) == 1 and rng.random() < 0.5
        return {
            "name": words.name(rng),
            "ports": ports,
            "protocol": rng.choice(("tcp", "tcp", "udp")),
            "source": "0.0.0.0/0" if web else rng.choice(ranges),
        }

    def slots(self, p):
        ports = [str(port) for port in p["ports"]]
        return {**p, "ports": f"{p['protocol']} port{'s' * (len(ports) > 1)} {words.listing(ports)}"}

    def terraform_facts(self, p):
        return {"aws_security_group/name": p["name"]}

    def cloudformation_facts(self, p):
        return {"AWS::EC2::SecurityGroup/GroupName": p["name"]}

    def check(self, p, parsed, kind):
        """Rules are a set; one rule may not stand for a range of ports."""
        path, keys, source = "aws_security_group/ingress", ("from_port", "to_port", "protocol", "cidr_blocks"), []
        if kind == "cloudformation":
            path = "AWS::EC2::SecurityGroup/SecurityGroupIngress"
            keys, source = ("FromPort", "ToPort", "IpProtocol", "CidrIp"), ""
        problems = super().check(p, parsed, kind)
        rules = find(parsed, path)
        rules = rules if isinstance(rules, list) else []
        got = sorted(str([rule.get(key) for key in keys]) for rule in rules if isinstance(rule, dict))
        source = p["source"] if source == "" else [p["source"]]
        want = sorted(str([port, port, p["protocol"], source]) for port in p["ports"])
        return problems if got == want else [*problems, f"{path}: {got}, asked for {want}"]

    def terraform(self, p):
        rules = [
            Block(from_port=port, to_port=port, protocol=p["protocol"], cidr_blocks=[p["source"]])
            for port in p["ports"]
        ]
        leave = Block(from_port=0, to_port=0, protocol="-1", cidr_blocks=["0.0.0.0/0"])
        return resource("aws_security_group", {"name": p["name"], "ingress": rules, "egress": leave})

    def cloudformation(self, p):
        rules = [
            {"IpProtocol": p["protocol"], "FromPort": port, "ToPort": port, "CidrIp": p["source"]}
            for port in p["ports"]
        ]
        body = {"GroupName": p["name"], "GroupDescription": "Rules for " + p["name"], "SecurityGroupIngress": rules}
        return stack(Group=("AWS::EC2::SecurityGroup", body))


class BucketPolicy(Intent):
    name, kinds, title = "bucket-access", ("terraform", "cloudformation"), "policy for one bucket"
    notes = (
        "Least privilege: the policy names one bucket and only the actions that are needed.",
        "Listing is a right on the bucket, reading and writing are rights on its objects.",
    )
    thing = "[an IAM policy|an IAM policy for one bucket]"
    parts = "name {name}; [may |]{does}; bucket {bucket}"
    train = (
        "{tool}: IAM policy {name}, {does}, bucket {bucket}",
        "We want to {does} only in the bucket {bucket}. [Call|Name] the IAM policy {name} and use {tool}.",
    )
    held = ("In {tool}, I want the IAM policy {name}: {does} in the bucket {bucket}.",)
    ACTIONS = {
        "read": ["s3:GetObject"],
        "write": ["s3:PutObject"],
        "read and write": ["s3:GetObject", "s3:PutObject"],
        "delete": ["s3:DeleteObject"],
    }

    def sample(self, rng):
        return {"name": words.name(rng), "does": rng.choice(list(self.ACTIONS)), "bucket": words.name(rng)}

    def terraform_facts(self, p):
        statement = "aws_iam_policy/policy/Statement"
        return {
            "aws_iam_policy/name": p["name"],
            f"{statement}/Effect": "Allow",
            f"{statement}/Action": self.ACTIONS[p["does"]],
            f"{statement}/Resource": f"arn:aws:s3:::{p['bucket']}/*",
        }

    def policy(self, p):
        resources = f"arn:aws:s3:::{p['bucket']}/*"
        statement = {"Effect": "Allow", "Action": self.ACTIONS[p["does"]], "Resource": resources}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def terraform(self, p):
        return resource("aws_iam_policy", {"name": p["name"], "policy": jsonencode(self.policy(p))})

    def cloudformation_facts(self, p):
        return {
            path.replace("aws_iam_policy/policy", "AWS::IAM::ManagedPolicy/PolicyDocument").replace(
                "aws_iam_policy/name", "AWS::IAM::ManagedPolicy/ManagedPolicyName"
            ): want
            for path, want in self.terraform_facts(p).items()
        }

    def cloudformation(self, p):
        body = {"ManagedPolicyName": p["name"], "PolicyDocument": self.policy(p)}
        return stack(Policy=("AWS::IAM::ManagedPolicy", body))


class CiRole(Intent):
    name, kinds, title = "ci-role", ("terraform",), "role for GitHub Actions"
    notes = (
        "GitHub proves to AWS which repository a job belongs to, so that no key has to be stored there.",
        "Only one branch of one repository may take on the role.",
    )
    thing = "[a GitHub Actions role|an OIDC role for GitHub Actions]"
    parts = "name {name}; repository {repo}; branch {branch}; [policy |]{policy}"
    train = ("{tool}: GitHub Actions role {name}, repository {repo}, branch {branch}, {policy}",)
    held = ("In {tool}, I want the GitHub Actions role {name} for {repo}, branch {branch}, policy {policy}.",)
    HOST = "token.actions.githubusercontent.com"

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "repo": f"{words.word(rng, words.ORGS)}/{words.name(rng)}",
            "branch": rng.choice(("main", "master", "release", "develop")),
            "policy": rng.choice(READS),
        }

    def terraform_facts(self, p):
        statement = "aws_iam_role/assume_role_policy/Statement"
        return {
            "aws_iam_role/name": p["name"],
            f"{statement}/Action": "sts:AssumeRoleWithWebIdentity",
            f"{statement}/Principal/Federated": "${var.provider_arn}",
            f"{statement}/Condition/StringEquals/{self.HOST}:sub": f"repo:{p['repo']}:ref:refs/heads/{p['branch']}",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}",
        }

    def terraform(self, p):
        who = {f"{self.HOST}:sub": f"repo:{p['repo']}:ref:refs/heads/{p['branch']}"}
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": Ref("var.provider_arn")},
            "Condition": {"StringEquals": {f'"{key}"': value for key, value in who.items()}},
        }
        policy = jsonencode({"Version": "2012-10-17", "Statement": [statement]})
        attachment = {"role": Ref("aws_iam_role.this.name"), "policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}"}
        return "\n".join(
            [
                variable("provider_arn"),
                resource("aws_iam_role", {"name": p["name"], "assume_role_policy": policy}),
                resource("aws_iam_role_policy_attachment", attachment),
            ]
        )


class Group(Intent):
    name, kinds, title = "user-group", ("terraform", "cloudformation"), "IAM group with a policy"
    notes = ("People get their rights from groups, never one by one.",)
    thing = "[an IAM group|a user group in AWS]"
    parts = "name {name}; [policy |]{policy}"
    train = ("{tool}: IAM group {name}, {policy}", "{name}: IAM group with {policy}, {tool}")
    held = ("In {tool}, I want the IAM group {name} with the policy {policy}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "policy": rng.choice(POLICIES)}

    def terraform_facts(self, p):
        return {
            "aws_iam_group/name": p["name"],
            "aws_iam_group_policy_attachment/group": Refers("aws_iam_group"),
            "aws_iam_group_policy_attachment/policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}",
        }

    def terraform(self, p):
        attachment = {"group": Ref("aws_iam_group.this.name"), "policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}"}
        group = resource("aws_iam_group", {"name": p["name"]})
        return group + "\n" + resource("aws_iam_group_policy_attachment", attachment)

    def cloudformation_facts(self, p):
        group = "AWS::IAM::Group"
        return {
            f"{group}/GroupName": p["name"],
            f"{group}/ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{p['policy']}"],
        }

    def cloudformation(self, p):
        body = {"GroupName": p["name"], "ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{p['policy']}"]}
        return stack(Group=("AWS::IAM::Group", body))


class Identity(Clouded):
    name, kinds, title = "service-account", ("terraform",), "account for a workload"
    notes = ("A workload has an identity of its own with one role, so that its rights can be seen and taken away.",)
    thing = "a service account"
    things = {
        "azure": "[a managed identity|a managed identity in Azure]",
        "google": "[a service account|a Google service account]",
    }
    parts = "name {name}; role {role}; {where}"
    train = ("{tool}: {bare} {name}, role {role}, {where}",)
    held = ("In {tool}, I want {thing} called {name}: {where}, role {role}.",)
    ROLES = {
        "azure": ["Reader", "Contributor", "Storage Blob Data Reader", "Key Vault Secrets User", "AcrPull"],
        "google": ["storage.objectViewer", "pubsub.publisher", "logging.logWriter", "cloudsql.client", "run.invoker"],
    }

    def sample(self, rng):
        p = self.place(rng, "azure", "google")
        google = p["cloud"] == "google"
        return {
            **p,
            "region": None if google else p["region"],
            "project": words.name(rng) if google else None,
            "name": words.name(rng),
            "role": rng.choice(self.ROLES[p["cloud"]]),
        }

    def fits(self, p, kind):
        said = (p["group"] is not None, p["region"] is not None, p["project"] is not None)
        azure = p["cloud"] == "azure"
        return said == ((True, True, False) if azure else (False, False, True)) and p["role"] in self.ROLES[p["cloud"]]

    def slots(self, p):
        if p["cloud"] == "google":
            return {
                **p,
                "thing": self.things["google"],
                "where": f"project {p['project']}",
                "role": f"roles/{p['role']}",
            }
        return super().slots(p)

    def azure_facts(self, p):
        identity = "azurerm_user_assigned_identity"
        return {
            f"{identity}/name": p["name"],
            **azure_facts(identity, p),
            "azurerm_role_assignment/role_definition_name": p["role"],
            "azurerm_role_assignment/principal_id": Refers(identity),
            "azurerm_role_assignment/scope": "${var.scope}",
        }

    def azure(self, p):
        assignment = {
            "scope": Ref("var.scope"),
            "role_definition_name": p["role"],
            "principal_id": Ref("azurerm_user_assigned_identity.this.principal_id"),
        }
        return "\n".join(
            [
                variable("scope"),
                resource("azurerm_user_assigned_identity", {"name": p["name"], **azure(p)}),
                resource("azurerm_role_assignment", assignment),
            ]
        )

    def google_facts(self, p):
        return {
            "google_service_account/account_id": p["name"],
            "google_project_iam_member/project": p["project"],
            "google_project_iam_member/role": f"roles/{p['role']}",
            "google_project_iam_member/member": Refers("google_service_account"),
        }

    def google(self, p):
        member = {
            "project": p["project"],
            "role": f"roles/{p['role']}",
            "member": Ref("google_service_account.this.member"),
        }
        account = resource("google_service_account", {"account_id": p["name"]})
        return account + "\n" + resource("google_project_iam_member", member)
