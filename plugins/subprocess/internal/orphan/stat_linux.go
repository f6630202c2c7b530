package orphan

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
)

// A stat is the part of /proc/PID/stat that tells whose a process is.
type stat struct {
	state   byte
	group   int
	session int
	start   uint64 // clock ticks since boot
}

var errStat = errors.New("malformed /proc/PID/stat")

// readStat reads what the kernel tells about a process.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(data)
}

// parseStat reads the fields after the command's name, which ends at the last parenthesis and may
// hold anything before it.
func parseStat(data []byte) (stat, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return stat{}, errStat
	}
	fields := bytes.Fields(data[end+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, errStat
	}
	group, err1 := strconv.Atoi(string(fields[2]))
	session, err2 := strconv.Atoi(string(fields[3]))
	start, err3 := strconv.ParseUint(string(fields[19]), 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return stat{}, errStat
	}
	return stat{state: fields[0][0], group: group, session: session, start: start}, nil
}

// StartTime returns when a process was started, in clock ticks since boot.
func StartTime(pid int) (uint64, error) {
	st, err := readStat(pid)
	return st.start, err
}

// maxEnviron bounds what is read of a process's environment.
const maxEnviron = 8 << 20

// runIDOf returns the value of the variable called marker in a process's environment. The second
// result is false if the environment is empty, as it is in the middle of an exec.
func runIDOf(pid int, marker string) (string, bool) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", true
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxEnviron))
	if err != nil {
		return "", true
	}
	prefix := []byte(marker + "=")
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, prefix); ok {
			return string(value), true
		}
	}
	return "", len(data) > 0
}
