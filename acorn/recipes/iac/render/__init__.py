"""Plain data -> text in one layout: `hcl` as `terraform fmt` would leave it, `manifest` as block-style YAML."""
