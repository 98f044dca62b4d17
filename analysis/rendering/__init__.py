"""Rendering: from `Results` to text, tables, pictures and HTML, and whole files of these."""
