package sdktest

import "testing"

// Run checks the plugin. Its subtests are named after what they check; each has a process of its own.
func Run(t *testing.T, c Config) {
	t.Helper()
	if c.Binary == "" {
		t.Fatal("sdktest: Config.Binary is missing")
	}
	s := &suite{Config: c}
	for _, part := range []struct {
		name   string
		checks []check
	}{
		{"Process", s.processChecks()},
		{"Name", s.nameChecks()},
		{"Supports", s.supportsChecks()},
		{"BuildTask", s.buildChecks()},
		{"RunTask", s.runChecks()},
		{"Output", s.outputChecks()},
		{"StopTask", s.stopChecks()},
		{"ReleaseTask", s.releaseChecks()},
		{"Metrics", s.metricsChecks()},
		{"Hygiene", s.hygieneChecks()},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, check := range part.checks {
				t.Run(check.name, check.run)
			}
		})
	}
}

// A check is one subtest.
type check struct {
	name string
	run  func(*testing.T)
}
