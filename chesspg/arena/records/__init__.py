"""Games as text: written, read by the thousand, and made between players."""
