"""Schemas of providers: what came with acorn, what users build, how fast one type is found."""

import io
import json
import tarfile
import time
import zipfile

import pytest

from acorn.errors import UserError
from acorn.recipes.iac import schemas
from acorn.recipes.iac.schemas import describe, store
from acorn.recipes.iac.schemas.wheels import read_wheel


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    schemas.providers.cache_clear()
    yield tmp_path / "data" / "acorn" / "schemas"
    schemas.providers.cache_clear()


def test_the_main_providers_are_whole():
    counts = {name: (len(one.types("resource")), len(one.types("data"))) for name, one in schemas.providers().items()}
    assert counts["aws"] >= (1581, 630) and counts["azurerm"] >= (1127, 399)
    assert counts["google"] >= (1096, 373) and counts["kubernetes"] >= (82, 26)
    assert set("random null tls time archive local helm http external cloudinit".split()) <= counts.keys()
    assert sum(path.stat().st_size for path in schemas.HERE.glob("*.zip")) < 700_000


def test_facts():
    versioning = schemas.find("resource", "aws_s3_bucket_versioning")
    assert versioning["a"]["bucket"] == "!s" and versioning["a"]["id"] == "?s"
    assert versioning["b"]["versioning_configuration"] == {"k": "1", "r": 1, "a": {"mfa_delete": "?s", "status": "!s"}}
    group = schemas.find("resource", "aws_security_group")
    assert group["a"]["ingress"] == "?To" and group["o"]["ingress"]["a"]["cidr_blocks"] == "?Ls"
    assert group["a"]["arn"] == "=s" and group["a"]["tags"] == "?Ms"
    container = schemas.find("resource", "kubernetes_deployment")
    for name in ("spec", "template", "spec", "container"):
        container = container["b"][name]
    assert container["k"] == "*" and container["a"]["image"] == "?s" and "liveness_probe" in container["b"]
    assert schemas.find("data", "aws_ami")["a"]["owners"] == "?Ls"
    assert "region" in schemas.provider_of("aws_vpc").settings()["a"]
    assert schemas.find("resource", "aws_nothing") is None and schemas.find("resource", "other_thing") is None
    assert schemas.provider_of("other_thing") is None


def test_one_type_is_found_fast():
    start = time.process_time()
    for type_ in ("aws_vpc", "azurerm_linux_virtual_machine", "google_compute_instance", "kubernetes_pod"):
        assert schemas.find("resource", type_)
    assert time.process_time() - start < 0.2  # 0.01 s on a quiet machine


def test_show_list_and_unknown_types(acorn):
    code, out, _ = acorn("iac", "schema", "show", "aws_s3_bucket_versioning")
    assert code == 0 and "bucket*" in out and "versioning_configuration* { }" in out
    code, out, _ = acorn("iac", "schema", "show", "aws_ami", "--kind", "data", "--json")
    shown = json.loads(out)
    assert shown["kind"] == "data" and shown["arguments"]["owners"] == {"type": "list(string)", "required": False}
    assert shown["blocks"]["filter"]["many"] and shown["computed"]["architecture"] == "string"
    code, _, err = acorn("iac", "schema", "show", "aws_s3_bukcet")
    assert code == 2 and "Did you mean aws_s3_bucket?" in err
    code, _, err = acorn("iac", "schema", "show", "nothing_here")
    assert code == 2 and "no provider is known for 'nothing_here'" in err
    code, out, _ = acorn("iac", "schema", "list", "--json")
    assert {"provider": "null", "version": "3.2.4", "resource": 1, "data": 1, "ephemeral": 0,
            "source": "cdktf-cdktf-provider-null 11.0.1", "own": False} in json.loads(out)  # fmt: skip
    assert acorn("iac", "schema", "show")[0] == 2


GIVEN = {
    "format_version": "1.0",
    "provider_schemas": {
        "registry.example/acme/rocket": {
            "provider": {"version": 0, "block": {"attributes": {"token": {"type": "string", "required": True}}}},
            "resource_schemas": {
                "rocket_stage": {
                    "version": 0,
                    "block": {
                        "attributes": {
                            "id": {"type": "string", "computed": True},
                            "fuel": {"type": ["map", ["list", "number"]], "required": True},
                            "port": {"type": ["set", ["object", {"from": "number"}]], "optional": True},
                            "crew": {
                                "nested_type": {
                                    "nesting_mode": "single",
                                    "attributes": {"size": {"type": "number", "required": True}},
                                },
                                "optional": True,
                            },
                        },
                        "block_types": {
                            "engine": {
                                "nesting_mode": "list",
                                "min_items": 1,
                                "block": {"attributes": {"thrust": {"type": "dynamic", "optional": True}}},
                            },
                            "timeouts": {"nesting_mode": "single", "block": {}},
                        },
                    },
                }
            },
            "ephemeral_resource_schemas": {"rocket_key": {"version": 0, "block": {}}},
        }
    },
}


def test_a_users_own_schema_is_built_and_used_first(acorn, tmp_path, own_folder):
    (tmp_path / "schema.json").write_text(json.dumps(GIVEN))
    code, out, _ = acorn("iac", "schema", "build", str(tmp_path / "schema.json"))
    assert code == 0 and "rocket.zip" in out
    body = schemas.find("resource", "rocket_stage")
    assert body["a"] == {"id": "=s", "fuel": "!MLn", "port": "?To", "crew": "?o"}
    assert body["o"] == {"port": {"a": {"from": "?n"}}, "crew": {"a": {"size": "!n"}}}
    assert body["b"] == {"engine": {"k": "*", "r": 1, "a": {"thrust": "?a"}}, "timeouts": {"k": "1"}}
    assert schemas.find("ephemeral", "rocket_key") == {}
    shown = "\n".join(describe.lines(describe.describe(body)))
    assert "fuel*  map(list(number))" in shown and "engine* { }, any number" in shown
    store.write(own_folder, "null", "9", "mine", "mine", {"resource": {"null_thing": {"a": {"x": "?s"}}}})
    schemas.providers.cache_clear()
    assert schemas.find("resource", "null_thing") and not schemas.find("resource", "null_resource")
    assert "(your own)" in acorn("iac", "schema", "list")[1]


OF_TYPE = '{"provider_schemas": {"a/b": {"resource_schemas": {"b_x": {"block": {"attributes": {"c": {"type": %s}}}}}}}}'


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "can't be read as JSON"),
        ("[]", "no provider_schemas in it"),
        ('{"provider_schemas": {"a/b": {"resource_schemas": {"x": 3}}}}', "is not as Terraform writes it"),
        (OF_TYPE % '["list"]', "is not as Terraform writes it"),
        (OF_TYPE % ('["list",' * 900 + '"string"' + "]" * 900), "is not as Terraform writes it"),
        ('{"provider_schemas": {"a/..": {}}}', "is not the address of a provider"),
        ('{"provider_schemas": {"a/": {}}}', "is not the address of a provider"),
    ],
)
def test_a_broken_schema_is_refused(acorn, tmp_path, content, message):
    (tmp_path / "schema.json").write_text(content)
    code, _, err = acorn("iac", "schema", "build", str(tmp_path / "schema.json"))
    assert code == 2 and message in err
    assert acorn("iac", "schema", "build", str(tmp_path / "none.json"))[0] == 2


def test_a_damaged_file_of_ours_is_named(own_folder):
    own_folder.mkdir(parents=True)
    (own_folder / "null.zip").write_bytes(b"PK nothing")
    schemas.providers.cache_clear()
    with pytest.raises(UserError, match="null.zip can't be read"):
        schemas.find("resource", "null_resource")


CODE = """class Stage extends cdktf.TerraformResource {
    constructor() {
        // fuel - computed: false, optional: true, required: false
        this._fuel = new StageFuelList(this, "fuel", false);
    }
    // arn - computed: true, optional: false, required: false
    get arn() {
        return this.getStringAttribute('arn');
    }
    // parts - computed: true, optional: false, required: false
    get parts() {
        return this.getNumberListAttribute('parts');
    }
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktf.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            zones: {
                value: cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(this._zones),
                isBlock: false,
                type: "set",
                storageClassType: "stringList",
            },
            fuel: {
                value: cdktf.listMapperHcl(stageFuelToHclTerraform, true)(this._fuel.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "StageFuelList",
            },
        };
    }
}
Stage.tfResourceType = "rocket_stage";
"""
STRUCT = """function stageFuelToHclTerraform(struct) {
    const attrs = {
        max_tons: {
            value: cdktf.numberToHclTerraform(struct.maxTons),
            isBlock: false,
            type: "simple",
            storageClassType: "number",
        },
    };
}
"""
TYPES = """export interface StageConfig extends cdktf.TerraformMetaArguments {
    /**
    * Docs: {@link https://x/providers/acme/rocket/1.2.3/docs/resources/stage#name Stage#name}
    */
    readonly name: string;
    /**
    * fuel block
    */
    readonly fuel?: StageFuel[] | cdktf.IResolvable;
}
export interface StageFuel {
    /**
    * Docs
    */
    readonly maxTons: number;
}
"""


def wheel(path, members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(f"package/lib/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cdktf_cdktf_provider_rocket/_jsii/provider-rocket@1.0.0.jsii.tgz", packed.getvalue())
    return path


def test_a_wheel_is_read(tmp_path):
    members = {"stage/index.js": CODE, "stage/index-structs/structs0.js": STRUCT, "stage/index.d.ts": TYPES}
    provider, version, found = read_wheel(wheel(tmp_path / "x-1-py3-none-any.whl", members))
    assert (provider, version) == ("rocket", "1.2.3")
    assert found["resource"] == {
        "rocket_stage": {
            "a": {"name": "!s", "zones": "?Ts", "arn": "=s", "parts": "=Ln"},
            "b": {"fuel": {"k": "*", "a": {"max_tons": "!n"}}},
        }
    }
    with pytest.raises(UserError, match="no schema in it"):
        read_wheel(wheel(tmp_path / "y.whl", {"a/index.js": ""}))
    link = tarfile.TarInfo("package/lib/stage/index.js")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(link)
    with zipfile.ZipFile(tmp_path / "link.whl", "w") as file:
        file.writestr("cdktf_cdktf_provider_rocket/_jsii/provider-rocket@1.0.0.jsii.tgz", packed.getvalue())
    with pytest.raises(UserError, match="no schema in it"):
        read_wheel(tmp_path / "link.whl")
    (tmp_path / "z.whl").write_bytes(b"no zip")
    with pytest.raises(UserError, match="can't be read"):
        read_wheel(tmp_path / "z.whl")
