"""The report's charts, a file each, as specifications that plotly.js draws in the page."""
