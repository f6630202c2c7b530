package discovery

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// headSize is how much of a file is read to tell what it is, in bytes.
const headSize = 512

// checkFormat says why a file that begins with head cannot run on this machine, or returns nil.
func checkFormat(path string, head []byte) *Rejection {
	if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		return checkScript(path, line)
	}
	if runtime.GOOS == "darwin" {
		return checkMachO(path, head)
	}
	return checkELF(path, head)
}

func checkScript(path string, line []byte) *Rejection {
	first, _, _ := bytes.Cut(line, []byte("\n"))
	fields := strings.Fields(string(first))
	if len(fields) == 0 || !filepath.IsAbs(fields[0]) {
		return &Rejection{
			Reason: path + " is a script without an interpreter",
			Remedy: "begin it with a line such as #!/usr/bin/python3",
		}
	}
	info, err := os.Stat(fields[0])
	if err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
		return &Rejection{
			Reason: fmt.Sprintf("%s is a script for %q, which is not there or not executable", path, fields[0]),
			Remedy: "install the interpreter or correct the first line",
		}
	}
	return nil
}

// elfMachines maps our names of architectures to ELF's e_machine.
var elfMachines = map[string]uint16{
	"386": 3, "arm": 40, "amd64": 62, "arm64": 183, "riscv64": 243, "loong64": 258,
	"ppc64": 21, "ppc64le": 21, "s390x": 22, "mips64": 8, "mips64le": 8, "mips": 8, "mipsle": 8,
}

func checkELF(path string, head []byte) *Rejection {
	if len(head) < 20 || string(head[:4]) != "\x7fELF" {
		return &Rejection{
			Reason: path + " is neither an ELF executable nor a script",
			Remedy: "install a build of the plugin for " + runtime.GOOS + "/" + runtime.GOARCH,
		}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	kind, machine := order.Uint16(head[16:]), order.Uint16(head[18:])
	if want, ok := elfMachines[runtime.GOARCH]; ok && machine != want {
		return &Rejection{
			Reason: fmt.Sprintf("%s is built for another machine (ELF machine %d, this one is %d)", path, machine, want),
			Remedy: "install a build of the plugin for " + runtime.GOOS + "/" + runtime.GOARCH,
		}
	}
	if kind != 2 && kind != 3 { // ET_EXEC, ET_DYN
		return &Rejection{
			Reason: fmt.Sprintf("%s is an ELF file but no executable (type %d)", path, kind),
			Remedy: "install the linked program",
		}
	}
	return nil
}

// Mach-O: thin 64-bit magic, fat magic, and the processor types of the two architectures.
const (
	machMagic64 = 0xfeedfacf
	machFat     = 0xcafebabe
	machAMD64   = 0x01000007
	machARM64   = 0x0100000c
)

func checkMachO(path string, head []byte) *Rejection {
	remedy := "install a build of the plugin for " + runtime.GOOS + "/" + runtime.GOARCH
	if len(head) < 8 {
		return &Rejection{Reason: path + " is neither a Mach-O executable nor a script", Remedy: remedy}
	}
	if binary.BigEndian.Uint32(head) == machFat {
		return nil // holds several architectures
	}
	if binary.LittleEndian.Uint32(head) != machMagic64 {
		return &Rejection{Reason: path + " is neither a Mach-O executable nor a script", Remedy: remedy}
	}
	cpu := binary.LittleEndian.Uint32(head[4:])
	native := cpu == machARM64 && runtime.GOARCH == "arm64"
	if cpu != machAMD64 && !native { // arm64 runs amd64 by translation
		return &Rejection{Reason: fmt.Sprintf("%s is built for another machine (Mach-O cpu %#x)", path, cpu), Remedy: remedy}
	}
	return nil
}
