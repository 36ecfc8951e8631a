"""The files of an export. Pure: an `Exported` goes in, texts come out, the same ones every time."""
