// Package settings is what the operator decides for the wasm runner, below plugins.wasm.settings in the
// host's configuration.
//
// A task wishes, the operator grants. What is not set is at its safest: no directory may be mounted, no
// socket handed in, no module run that is not pinned by its hash. A task that wishes more is refused, by
// the name of its field and of the setting that would allow it; nothing is ever left out silently.
package settings
