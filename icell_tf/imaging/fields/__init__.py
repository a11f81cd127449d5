"""Fields of view: label images matched or segmented, and single cells cut out."""
