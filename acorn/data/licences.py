"""
Which licence a file has: its own SPDX line, or the licence file nearest above it; and what sort that licence is.

    permissive      MIT, Apache-2.0, BSD ...: may be used with a notice
    weak copyleft   MPL, LGPL ...            copyleft   GPL, AGPL ...
    restricted      source that may be read but not used freely: BUSL, SSPL, CC-BY-NC ...
    unknown         none found, or a text that is not known
"""

import re
from pathlib import PurePosixPath

SORTS = {
    "permissive": "0BSD AFL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-4.0 CC-BY-3.0 "
    "CC0-1.0 ISC MIT MIT-0 NCSA ODC-By-1.0 PostgreSQL PSF-2.0 Python-2.0 UPL-1.0 Unlicense WTFPL "
    "Zlib MulanPSL-2.0 BlueOak-1.0.0",
    "weak copyleft": "MPL-2.0 MPL-1.1 LGPL-2.1 LGPL-3.0 LGPL-2.0 EPL-1.0 EPL-2.0 CDDL-1.0 EUPL-1.2 CC-BY-SA-4.0 "
    "CC-BY-SA-3.0 ODbL-1.0",
    "copyleft": "GPL-2.0 GPL-3.0 AGPL-3.0 GPL-1.0 OSL-3.0",
    "restricted": "BUSL-1.1 SSPL-1.0 Elastic-2.0 CC-BY-NC-4.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 FSL-1.1 Commons-Clause",
}  # fmt: skip
SORT_OF = {name.lower(): sort for sort, names in SORTS.items() for name in names.split()}
NAMES = {name.lower(): name for names in SORTS.values() for name in names.split()}
UNKNOWN = "unknown"

# What a text says that no other does; the first that fits counts, so a text that quotes another stands before it.
TEXTS = [
    ("Commons-Clause", r"commons clause.{0,40}(?:license )?condition"),
    ("BUSL-1.1", r"business source license"),
    ("SSPL-1.0", r"server side public license"),
    ("Elastic-2.0", r"elastic license 2"),
    ("FSL-1.1", r"functional source license"),
    ("CC-BY-NC-SA-4.0", r"attribution-noncommercial-sharealike"),
    ("CC-BY-NC-4.0", r"attribution-noncommercial"),
    ("CC-BY-ND-4.0", r"attribution-noderivatives"),
    ("CC-BY-SA-4.0", r"attribution-sharealike"),
    ("CC-BY-4.0", r"creative commons attribution|attribution 4\.0 international"),
    ("CC0-1.0", r"cc0 1\.0 universal|creative commons zero"),
    ("AGPL-3.0", r"^\W*gnu affero general public license"),
    ("LGPL-3.0", r"^\W*gnu lesser general public license version 3"),
    ("LGPL-2.1", r"^\W*gnu (?:lesser|library) general public license"),
    ("GPL-3.0", r"^\W*gnu general public license version 3"),
    ("GPL-3.0", r"gnu general public license as published.{0,200}either version 3"),
    ("GPL-2.0", r"^\W*(?:the )?gnu general public license|gnu general public license as published"),
    ("EUPL-1.2", r"european union public licen[cs]e"),
    ("MPL-2.0", r"mozilla public license,? version 2\.0|mozilla public license v(?:ersion|\.)? ?2\.0"),
    ("EPL-2.0", r"eclipse public license - v 2\.0"),
    ("EPL-1.0", r"eclipse public license - v 1\.0"),
    ("Artistic-2.0", r"the artistic license 2\.0"),
    ("Apache-2.0", r"apache license,? version 2\.0|apache\.org/licenses/license-2\.0"),
    ("UPL-1.0", r"universal permissive license"),
    ("Unlicense", r"free and unencumbered software released into the public domain"),
    ("WTFPL", r"do what the f\w+ you want to public license"),
    ("PSF-2.0", r"python software foundation license version 2"),
    ("BSL-1.0", r"boost software license"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining"),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.*neither the name"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
    ("0BSD", r"distribute this software for any purpose with or without fee is hereby granted\.? the software"),
    ("ISC", r"distribute this software for any purpose with or without fee"),
    ("Zlib", r"altered source versions must be plainly marked"),
    ("MIT", r"^\W*(?:the )?mit licen[cs]e|licen[cs]ed under the mit licen[cs]e"),
]  # fmt: skip
FILE_NAME = re.compile(
    r"(?:un)?licen[cs]es?(?:[._-].*)?|copying(?:[._-].*)?|.*[_-]licen[cs]e(?:\.(?:txt|md|rst))?", re.IGNORECASE
)
NOT_A_TEXT = re.compile(r".*\.(?:py|go|js|ts|ya?ml|json|tf|sh|html|css|png|svg|j2|tpl|toml|cfg|lock)", re.IGNORECASE)
SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*\(?([\w.+ ()-]{2,80}?)\)?[ \t]*(?:\*/|-->|\"|'|\r?\n|$)")
HEAD = 4000  # characters of a file in which its own licence is looked for


def is_licence_file(path: str) -> bool:
    name = PurePosixPath(path).name
    return bool(FILE_NAME.fullmatch(name)) and not NOT_A_TEXT.fullmatch(name)


def of_text(text: str) -> str:
    """The licence that a licence file holds, as SPDX names it, or 'unknown'."""
    if own := of_header(text):
        return own
    flat = re.sub(r"\s+", " ", re.sub(r"[#*_>`\"“”]", " ", text[:40_000].lower())).strip()
    name = next((name for name, pattern in TEXTS if re.search(pattern, flat, re.DOTALL)), UNKNOWN)
    if name == "MIT" and "without limitation" in flat and "above copyright notice" not in flat:
        return "MIT-0"
    return name


def of_header(text: str) -> str:
    """What the SPDX line at the head of a file says, '' without one."""
    found = SPDX.search(text[:HEAD]) if "SPDX-License" in text[:HEAD] else None
    return expression(found[1]) if found else ""


def expression(text: str) -> str:
    """'MIT OR GPL-3.0-only' -> MIT: of a choice the freest counts, of what holds together the strictest."""
    names = [known(word) for word in re.split(r"\s+(?:OR|AND|or|and)\s+|/", text.strip("() "))]
    order = [*SORTS, UNKNOWN]
    ranked = sorted(names, key=lambda name: order.index(sort_of(name)))
    return ranked[-1] if re.search(r"\sand\s", text, re.IGNORECASE) else ranked[0]


def known(name: str) -> str:
    base = re.sub(r"(?i)(?:-only|-or-later|\+)$", "", name.strip("() ").split(" WITH ")[0])
    return NAMES.get(base.lower(), base)


def sort_of(licence: str) -> str:
    return SORT_OF.get(licence.lower(), UNKNOWN)


class Licences:
    """The licence files of a repository, by folder."""

    def __init__(self, whole: str = UNKNOWN, origin: str = ""):
        """whole: what holds where no file says anything, and where that is known from"""
        self.folders: dict[str, tuple[str, str]] = {}  # folder -> (licence, path of the file)
        self.whole = (whole, origin)

    def add(self, path: str, text: str) -> None:
        folder, licence = str(PurePosixPath(path).parent), of_text(text)
        folder = (
            str(PurePosixPath(folder).parent)
            if PurePosixPath(folder).name.upper() in ("LICENSES", "LICENCES")
            else folder
        )
        before = self.folders.get(folder)
        order = [*SORTS, UNKNOWN]
        if (
            before is None
            or UNKNOWN in (before[0],)
            or (licence != UNKNOWN and order.index(sort_of(licence)) < order.index(sort_of(before[0])))
        ):
            self.folders[folder] = (licence, path)  # LICENSE-MIT beside LICENSE-GPL is a choice

    def of(self, path: str, text: str) -> tuple[str, str]:
        """(licence, where that is said): in the file itself, or in the nearest licence file above."""
        if own := of_header(text):
            return own, path
        for folder in PurePosixPath(path).parents:
            if str(folder) in self.folders:
                return self.folders[str(folder)]
        return self.whole
