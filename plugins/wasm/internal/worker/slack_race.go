//go:build race

package worker

// slack leaves room for the shadow memory of the race detector.
const slack = 64 << 30
