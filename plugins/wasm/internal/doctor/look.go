package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/signature"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workerbin"
)

// Look finds out how this machine is, for tasks under these settings. When ctx ends, so does the trial.
func Look(ctx context.Context, s *settings.Settings) *Report {
	findings := []Finding{kernel(), nativeCode(), fileRules(), paths()}
	spawner, none := workerbin.Inside(1)
	findings = append(findings, workers(none))
	var err error
	if none != nil {
		spawner, err = spawn.New(1)
	}
	if err == nil {
		defer func() { _ = spawner.Close() }()
		findings = append(findings, trial(ctx, spawner, s))
	} else {
		findings = append(findings, broken(err))
	}
	return newReport(append(findings, configured(s)...))
}

func kernel() Finding {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Finding{"Kernel", Missing, err.Error(), "the runner needs Linux"}
	}
	return good("Kernel", unix.ByteSliceToString(u.Sysname[:])+" "+unix.ByteSliceToString(u.Release[:]))
}

func nativeCode() Finding {
	const name = "Native code"
	if err := guest.Executable(); err != nil {
		return Finding{name, Worse, "memory that was written may not be executed: " + err.Error(),
			"Modules are interpreted, 30 to 90 times slower. Of systemd, MemoryDenyWriteExecute=no allows it."}
	}
	return good(name, "modules are compiled and run at native speed")
}

func fileRules() Finding {
	const name = "Landlock"
	if v := fence.Landlock(); v > 0 {
		return good(name, fmt.Sprintf("version %d", v))
	}
	return Finding{name, Worse, "not to be had",
		"The kernel's second wall around the files of a guest is missing; the first one stands. Kernels from 5.13 on have it, " +
			"with landlock in the list of the boot parameter lsm=, where no container's seccomp profile forbids it."}
}

func paths() Finding {
	const name = "Mounts"
	if err := fsys.Resolves(); err != nil {
		return Finding{name, Missing, "openat2: " + err.Error(),
			"Tasks with mounts fail. Kernels from 5.6 on have it, where no container's seccomp profile forbids it."}
	}
	return good(name, "the kernel resolves paths beneath them")
}

// workers tells what they are started from; why says why not from what the plugin has inside.
func workers(why error) Finding {
	if why == nil {
		return good("Workers", "are started from a sealed binary of their own")
	}
	remedy := "sysctl vm.memfd_noexec=0 allows programs in sealed memory."
	if errors.Is(why, workerbin.ErrNone) {
		remedy = "make build puts one inside."
	}
	return Finding{"Workers", Worse, "are started from the plugin's own binary: " + why.Error(),
		"Starting one takes about twice as much time and memory; " + remedy}
}

// configured looks at what the operator's settings name.
func configured(s *settings.Settings) (findings []Finding) {
	for i, m := range s.Mounts {
		if info, err := os.Stat(m.Path); err != nil || !info.IsDir() {
			if err == nil {
				err = fmt.Errorf("%s is not a directory", m.Path)
			}
			findings = append(findings, Finding{fmt.Sprintf("mounts[%d]", i), Missing, err.Error(),
				"Tasks that mount it fail; see plugins.wasm.settings.mounts."})
		}
	}
	if len(s.Signatures.Keys) == 0 {
		return findings
	}
	if _, err := signature.New(signature.Options{Keys: s.Signatures.Keys, Dir: s.Signatures.Dir}); err != nil {
		findings = append(findings, Finding{"signatures", Missing, err.Error(), "No task runs; see plugins.wasm.settings.signatures."})
	}
	return findings
}
