package codec

import "github.com/soltihq/solti-host/host/task"

// word returns b as a string, without allocating for the words that nearly every value has.
func word(b []byte) string {
	switch string(b) {
	case task.APIVersion:
		return task.APIVersion
	case string(task.Pending):
		return string(task.Pending)
	case string(task.Running):
		return string(task.Running)
	case string(task.Succeeded):
		return string(task.Succeeded)
	case string(task.Failed):
		return string(task.Failed)
	case string(task.Timeout):
		return string(task.Timeout)
	case string(task.Canceled):
		return string(task.Canceled)
	case string(task.Exhausted):
		return string(task.Exhausted)
	case string(task.OutcomeCompleted):
		return string(task.OutcomeCompleted)
	case string(task.OutcomeRejected):
		return string(task.OutcomeRejected)
	case string(task.ReasonExit):
		return string(task.ReasonExit)
	case "solti.io/v1 Subprocess":
		return "solti.io/v1 Subprocess"
	case "Subprocess":
		return "Subprocess"
	case "subprocess":
		return "subprocess"
	}
	return string(b)
}
