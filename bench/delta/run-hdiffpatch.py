# HDiffPatch by its Python package, as a process of its own: diff OLD NEW PATCH, apply OLD PATCH NEW.
import sys
import hdiffpatch


def content(path):
    with open(path, "rb") as file:
        return file.read()


verb, first, second, result = sys.argv[1:]
if verb == "diff":
    coder = hdiffpatch.Lzma2Config(level=9, window=24)
    made = hdiffpatch.diff(content(first), content(second), coder, validate=False)
else:
    made = hdiffpatch.apply(content(first), content(second))
with open(result, "wb") as file:
    file.write(made)
