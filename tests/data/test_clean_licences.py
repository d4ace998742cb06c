"""Which licence a text, a header or a folder names."""

import pytest

from acorn.data.licences import Licences, expression, is_licence_file, of_header, of_text, sort_of

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy, without limitation\n"
NOTICE = "The above copyright notice shall be included\n"
BSD = "Redistribution and use in source and binary forms, with or without modification\n"


@pytest.mark.parametrize(
    ("text", "name", "sort"),
    [(MIT + NOTICE, "MIT", "permissive"), (MIT, "MIT-0", "permissive"), (BSD, "BSD-2-Clause", "permissive"),
     (BSD + "Neither the name of the copyright holder", "BSD-3-Clause", "permissive"),
     ("# The MIT License", "MIT", "permissive"),
     ("   Apache License\n\n      Version 2.0, January 2004", "Apache-2.0", "permissive"),
     ("Licensed under the Apache License, Version 2.0", "Apache-2.0", "permissive"),
     ("  GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June", "GPL-3.0", "copyleft"),
     ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3", "LGPL-3.0", "weak copyleft"),
     ("GNU AFFERO GENERAL PUBLIC LICENSE", "AGPL-3.0", "copyleft"),
     ("Mozilla Public License Version 2.0", "MPL-2.0", "weak copyleft"),
     ("Business Source License 1.1", "BUSL-1.1", "restricted"), ("CC0 1.0 Universal", "CC0-1.0", "permissive"),
     ("This is free and unencumbered software released into the public domain.", "Unlicense", "permissive"),
     ("All rights reserved.", "unknown", "unknown"), ("", "unknown", "unknown"),
     ("SPDX-License-Identifier: ISC\n", "ISC", "permissive")],
)  # fmt: skip
def test_texts(text, name, sort):
    assert (of_text(text), sort_of(of_text(text))) == (name, sort)


@pytest.mark.parametrize(
    ("words", "name"),
    [("MIT OR GPL-3.0-only", "MIT"), ("GPL-2.0-or-later AND MIT", "GPL-2.0"),
    ("Apache-2.0 WITH LLVM-exception", "Apache-2.0"),
     ("(MIT)", "MIT"), ("apache-2.0", "Apache-2.0"), ("LicenseRef-Own", "LicenseRef-Own"), ("GPL-3.0+", "GPL-3.0")],
)  # fmt: skip
def test_expressions(words, name):
    assert expression(words) == name


def test_headers():
    assert of_header("# SPDX-License-Identifier: MIT\nx") == "MIT"
    assert of_header("/* SPDX-License-Identifier: Apache-2.0 OR MIT */") in ("Apache-2.0", "MIT")
    assert of_header("x\n" * 4000 + "# SPDX-License-Identifier: MIT\n") == ""


def test_the_nearest_file_counts():
    licences = Licences("GPL-3.0", "the package's metadata")
    assert licences.of("a/b.tf", "") == ("GPL-3.0", "the package's metadata")
    licences.add("LICENSE", MIT + NOTICE)
    licences.add("third/LICENSE.txt", "All rights reserved.")
    licences.add("LICENSES/Apache-2.0.txt", "Apache License Version 2.0")
    assert licences.of("a/b.tf", "") == ("MIT", "LICENSE")
    assert licences.of("third/x/b.tf", "") == ("unknown", "third/LICENSE.txt")
    assert licences.of("a/b.tf", "# SPDX-License-Identifier: BUSL-1.1") == ("BUSL-1.1", "a/b.tf")


def test_a_choice_of_files():
    licences = Licences()
    licences.add("LICENSE-GPL", "GNU GENERAL PUBLIC LICENSE Version 3")
    licences.add("LICENSE-MIT", MIT + NOTICE)
    assert licences.of("x.tf", "") == ("MIT", "LICENSE-MIT")


def test_names_of_licence_files():
    names = ("LICENSE", "LICENCE.md", "COPYING", "LICENSE-APACHE", "a/b/license.txt", "UNLICENSE", "my-license.txt")
    others = ("license.py", "license_test.go", "licenses.json", "licensing.md", "README.md", "go.sum.license")
    assert all(map(is_licence_file, names)) and not any(map(is_licence_file, others))


def test_hostile_texts_are_quick():
    import time

    start = time.process_time()
    for word in (
        "permission is hereby granted, free of charge ",
        "redistribution and use in source and binary forms ",
        "commons clause ",
        " " * 50,
        "\n#",
    ):
        of_text(word * 20_000)
    assert time.process_time() - start < 3
