"""From a finding or a wish to the smallest patches that mend it, one remedy a file."""
