/** What the package's code uses and Node 20 does not have; nothing where Node has it. Injected by scripts/build/package.ts. */
import 'core-js/actual/array/from-async';
import 'core-js/actual/async-disposable-stack';
import 'core-js/actual/disposable-stack';
import 'core-js/actual/iterator';
import 'core-js/actual/map/group-by';
import 'core-js/actual/promise/with-resolvers';
import 'core-js/actual/set';
import 'core-js/actual/suppressed-error';
import 'core-js/actual/symbol/async-dispose';
import 'core-js/actual/symbol/dispose';
import 'core-js/actual/typed-array/from-base64';
import 'core-js/actual/typed-array/from-hex';
import 'core-js/actual/typed-array/to-base64';
import 'core-js/actual/typed-array/to-hex';
import 'core-js/actual/url/parse';
