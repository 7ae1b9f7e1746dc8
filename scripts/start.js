// @ts-check
'use strict';

/** `npm start`: installs, builds, and shows the main job against the sandbox. `npm start -- --serve` stays up. */

const { build, install, run } = require('./prepare.js');

install();
build();
run(process.execPath, ['examples/demo.js', ...process.argv.slice(2)]);
