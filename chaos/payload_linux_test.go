package chaos

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/task"
)

// script is what payloads run. Its arguments: directory, spec, slot, lines of output, seconds of work,
// exit code, the last attempt that exits with it, manner.
const script = `
me="$2 $SOLTI_TASK $SOLTI_ATTEMPT $SOLTI_RUN_ID $$"
exec 7>>"$1/locks/task.$SOLTI_TASK" 8>>"$1/locks/slot.$3" 9>>"$1/ledger"
flock -n 7 || { echo "overlap $me task" >&9; exit 99; }
flock -n 8 || { echo "overlap $me slot" >&9; exit 99; }
echo "begin $me" >&9
case $8 in
stubborn) trap '' TERM ;;
tree) setsid sleep 600 & (sleep 600 &) ;;
hidden) env -i setsid sleep 600 & ;;
esac
i=1
while [ $i -le $4 ]; do echo "$i $SOLTI_RUN_ID"; i=$((i+1)); done
[ $5 = 0 ] || sleep $5 || exit 98
code=0
[ $SOLTI_ATTEMPT -gt $7 ] || code=$6
echo "end $me $code" >&9
exit $code
`

// Manners of payloads.
const (
	plain    = "plain"
	stubborn = "stubborn" // ignores SIGTERM
	tree     = "tree"     // leaves children behind, one in a session of its own
	hidden   = "hidden"   // leaves a child behind without environment, in a session of its own
)

// A payload is a task for the subprocess plugin together with what is expected of it.
type payload struct {
	oracle.Intent
	name     task.Name // empty: the host makes one
	spec     task.Spec // without slot, restart policy and workload
	work     time.Duration
	code     int
	until    int // attempts up to this exit with code
	manner   string
	interval time.Duration // under restart always
}

// task returns the task that a submitter sends.
func (p *payload) task(dir string) *task.Task {
	s := p.spec
	s.Slot, s.MaxRetries = p.Slot, p.MaxRetries
	s.Restart = task.Restart{Policy: p.Policy, Interval: task.Duration(p.interval)}
	s.Workload = shell(script, dir, p.ID, string(p.Slot), strconv.Itoa(p.Lines),
		fmt.Sprintf("%g", p.work.Seconds()), strconv.Itoa(p.code), strconv.Itoa(p.until), p.manner)
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: p.name, Labels: map[string]string{oracle.SpecLabel: p.ID}},
		Spec:     s,
	}
}

// shell returns a workload that runs a script with arguments.
func shell(body string, args ...string) task.Workload {
	type scriptSpec struct {
		Interpreter string   `json:"interpreter"`
		Body        string   `json:"body"`
		Args        []string `json:"args"`
	}
	raw, err := json.Marshal(map[string]any{"script": scriptSpec{"sh", body, args}})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: raw}
}

// backoff waits little.
func backoff() *task.Backoff {
	return &task.Backoff{First: task.Duration(10 * time.Millisecond), Max: task.Duration(100 * time.Millisecond), Jitter: task.Full}
}
