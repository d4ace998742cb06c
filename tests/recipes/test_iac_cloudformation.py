"""CloudFormation templates: what is found and what is left alone."""

import json

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.validate import tools

FILE = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: A bucket and who reads it
Parameters:
  Name:
    Type: String
    Default: a
    AllowedValues: [a, b]
  Days:
    Type: Number
    Default: 30
Mappings:
  Sizes:
    eu-west-1: {Size: 8}
Conditions:
  Big: !Equals [!Ref Name, b]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties:
      BucketName: !Sub "${Name}-${AWS::Region}"
      VersioningConfiguration:
        Status: Enabled
      Tags:
        - Key: stage
          Value: !If [Big, prod, !Ref AWS::NoValue]
  Role:
    Type: AWS::IAM::Role
    Condition: Big
    DependsOn: Bucket
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: ec2.amazonaws.com}
            Action: sts:AssumeRole
      MaxSessionDuration: "3600"
  Volume:
    Type: AWS::EC2::Volume
    Properties:
      AvailabilityZone: !Select [0, !GetAZs ""]
      Size: !FindInMap [Sizes, !Ref AWS::Region, Size]
      Encrypted: "true"
  Other:
    Type: Custom::Thing
    Properties: {Anything: 1}
Outputs:
  Arn:
    Value: !GetAtt Bucket.Arn
    Export: {Name: !Sub "${AWS::StackName}-arn"}
"""


def found(text, **context):
    return [str(one) for one in validate.read(text, "cloudformation", **context)[1]]


def test_a_template_that_is_right():
    parsed, findings = validate.read(FILE, "cloudformation")
    assert findings == []
    assert parsed["AWS::S3::Bucket"][0]["BucketName"] == {"Fn::Sub": "${Name}-${AWS::Region}"}
    assert found(json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}, indent=2)) == []


@pytest.mark.parametrize(
    "old, new, message",
    [
        (FILE, "a: b\n", "there is no section a"),
        (FILE, "Description: x\n", "there is no resource"),
        ("Resources:", "Resource:", "there is no section Resource. Did you mean Resources?"),
        ("2010-09-09", "2010-09-10", "'2010-09-10' is not 2010-09-09"),
        ("AWS::S3::Bucket", "AWS::S3::Buckett", "line 18: Resources.Bucket.Type: there is no resource type AWS::S3"),
        ("BucketName:", "BucketNam:", "line 21: Resources.Bucket.Properties.BucketNam: there is no property B"),
        ("Status: Enabled", "Status: enabld", "'enabld' is not one of Enabled, Suspended"),
        ("        - Key: stage\n          Value", "        - Value", "Tags[0]: property Key is missing"),
        ("VersioningConfiguration:\n        Status: Enabled", "VersioningConfiguration: [on]", "wanted a mapping"),
        ('MaxSessionDuration: "3600"', "MaxSessionDuration: long", "'long' is a string, wanted an integer"),
        ("      AvailabilityZone: !Select [0, !GetAZs \"\"]\n", "", "AWS::EC2::Volume: "),
        ("Encrypted: \"true\"", "Encrypted: sure", "'sure' is a string, wanted a boolean"),
        ("DeletionPolicy: Retain", "DeletionPolicy: Keep", "'Keep' is not one of Delete, Retain, Snapshot"),
        ("DependsOn: Bucket", "DependsOn: Buckets", "there is no resource Buckets. Did you mean Bucket?"),
        ("Condition: Big", "Condition: Bigg", "there is no condition Bigg. Did you mean Big?"),
        ("!If [Big,", "!If [Bg,", "there is no condition Bg. Did you mean Big?"),
        ("!Ref Name", "!Ref Nam", "there is no parameter and no resource Nam. Did you mean Name?"),
        ("${Name}", "${Nme}", "there is no parameter and no resource Nme. Did you mean Name?"),
        ("Bucket.Arn", "Bucket.Arm", "AWS::S3::Bucket has no attribute Arm. Did you mean Arn?"),
        ("Bucket.Arn", "Buckt.Arn", "there is no resource Buckt. Did you mean Bucket?"),
        ("[Sizes,", "[Sizs,", "there is no mapping Sizs. Did you mean Sizes?"),
        ("!GetAtt", "!GetAttr", "the tag !GetAttr is not known here. Did you mean !GetAtt?"),
        ("Type: String", "Type: Strng", "'Strng' is no type of a parameter. Did you mean String?"),
        ("Default: a\n", "Default: c\n", "'c' is not one of AllowedValues"),
        ("    Value: !GetAtt Bucket.Arn\n", "", "an output needs a Value"),
        ("    Condition: Big\n", "    Conditon: Big\n", "a resource has no Conditon. Did you mean Condition?"),
        ("  Role:\n", "  Ro_le:\n", "'Ro_le' is no name: letters and digits only"),
        ("    Type: AWS::IAM::Role\n", "", "a resource needs a Type"),
        ("      Tags:", "     Tags:", "YAML: "),
    ],
)  # fmt: skip
def test_findings(old, new, message):
    assert old in FILE
    assert any(message in one for one in found(FILE.replace(old, new, 1))), found(FILE.replace(old, new, 1))


def test_what_other_programs_make_of_it_is_a_note():
    for text in (FILE.replace("!GetAtt Bucket.Arn", "!Rain::Embed a.txt"), "Transform: MyMacro\n" + FILE):
        [note] = validate.validate(text, "cloudformation")
        assert note.severity == "note"
    sam = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
    assert found(sam + "Outputs:\n  Role: {Value: !GetAtt FRole.Arn}\n") == []
    loop = "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::T:\n    - N\n    - [A, B]\n    - {T: 1}\n"
    assert found(loop + "Outputs:\n  A: {Value: !Ref TA}\n") == []


def test_nothing_is_no_property():
    text = "Resources:\n  I:\n    Type: AWS::EC2::SecurityGroupIngress\n    Properties:\n      IpProtocol: '-1'\n"
    text += "      GroupId: sg-1\n      CidrIp: 10.0.0.0/8\n"
    assert found(text) == [] == found(text + "      CidrIpv6: !Ref AWS::NoValue\n")
    assert "exactly one of CidrIp" in found(text + "      CidrIpv6: '::/0'\n")[0]


def test_cfn_lint_is_asked_only_when_that_is_wanted(monkeypatch):
    monkeypatch.setattr(tools, "cfn_lint", lambda text: [validate.Finding("from cfn-lint", 3, 1, "E1")])
    assert found(FILE) == [] and found(FILE, full=True) == ["line 3: from cfn-lint"]
    assert "from cfn-lint" not in str(found(FILE.replace("BucketName", "Bucketname"), full=True))
