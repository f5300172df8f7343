"""Reports: what came out of a run or a study as one page to look at, and as figures for a paper.

A chart is a value (`chart`). `run_report` and `study_report` make charts of results; `document`
puts them into a page that needs no network, `figures` draws them for a paper. Nothing here decides
anything: reports read what is there.
"""
