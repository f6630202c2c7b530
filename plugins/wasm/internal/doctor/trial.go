package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// hello is a module that writes "hello\n", in base64.
const hello = "AGFzbQEAAAABDAJgBH9/f38Bf2AAAAIjARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAADAgEBBQMBAAEHEwIGbWVtb3J5AgAGX3N0" +
	"YXJ0AAEKEAEOAEEBQdgAQQFBABAAGgsLGwIAQcAACwZoZWxsbwoAQdgACwhAAAAABgAAAA=="

// trialName is what the finding of a trial is called.
const trialName = "Trial"

func broken(err error) Finding {
	return Finding{trialName, Missing, err.Error(), "Tasks fail for the same reason."}
}

// trial takes a module all the way: it is stored, admitted, compiled, loaded and run, as that of a task.
func trial(ctx context.Context, spawner *spawn.Spawner, s *settings.Settings) Finding {
	begun := time.Now()
	engine, text, err := try(ctx, spawner, s)
	switch {
	case err != nil:
		return broken(err)
	case text != "hello\n":
		return broken(fmt.Errorf("a module wrote %q instead of hello", text))
	}
	return good(trialName, fmt.Sprintf("a module ran in a worker by the %s after %s", engine, time.Since(begun).Round(time.Millisecond)))
}

func try(ctx context.Context, spawner *spawn.Spawner, s *settings.Settings) (engine, text string, err error) {
	dir, err := os.MkdirTemp("", "solti-wasm-doctor-")
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	own := *s
	own.Signatures = settings.Signatures{} // the module has none
	studio, err := image.Open(dir, &own, spawner, nil, hclog.NewNullLogger())
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, studio.Close()) }()
	raw, err := json.Marshal(map[string]any{"module": map[string]string{"inline": hello}})
	if err != nil {
		return "", "", err
	}
	w, err := workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: raw})
	if err != nil {
		return "", "", err
	}
	img, _, err := studio.Image(ctx, w, nil)
	if err != nil {
		return "", "", err
	}
	defer img.Close()
	return run(ctx, spawner, img, dir)
}

// run has a worker run the image once.
func run(ctx context.Context, spawner *spawn.Spawner, img *image.Image, temp string) (engine, text string, err error) {
	p := pool.New(spawner, pool.Options{Temp: temp})
	defer p.Close()
	w, err := p.Take(ctx, img, "")
	if err != nil {
		return "", "", err
	}
	stop := context.AfterFunc(ctx, w.Kill)
	defer stop()
	var out output
	status, _, err := w.Run(wire.Job{Entry: "_start", Args: []string{"hello"}, OpenFiles: 8, Last: true}, &out, wire.Limit{})
	switch {
	case ctx.Err() != nil:
		return "", "", context.Cause(ctx)
	case err != nil:
		return "", "", err
	case status.End != wire.Exited || status.Code != 0:
		return "", "", fmt.Errorf("a module that writes hello ended otherwise: %s%s", status.Reason, status.Trap.Message)
	}
	return w.Ready.Engine.String(), out.String(), nil
}

// An output keeps what a guest writes.
type output struct{ strings.Builder }

// Output takes a piece.
func (o *output) Output(_ wire.Stream, p []byte) { o.Write(p) }

// Gap is told of what was dropped, which nothing is.
func (o *output) Gap(wire.Stream, int64) {}
