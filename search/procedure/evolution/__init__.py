"""How a search evolves: whose mutants it proposes, and which edits make them."""
