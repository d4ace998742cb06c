"""
A corpus of infrastructure code out of what lies around: see `acorn iac corpus --help`.

    sources, folders, archives, git   what is read, and how safely
    collect, secrets, pairs           what becomes of a file
    mixture                           splits, shares, shards, manifest
    repositories.toml                 public repositories whose licence allows it
"""
