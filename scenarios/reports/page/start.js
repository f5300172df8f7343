"use strict";
tclearn.filters();
tclearn.figures.start();
tclearn.animation.start();
tclearn.ledger.start();
