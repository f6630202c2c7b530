package wasi

import (
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// A call is a function of preview 1. Its arguments are a's first values.
type call func(j *job, m memory, a []uint64) Errno

// A function is a call with its name and the types of its parameters: i for i32, I for i64.
type function struct {
	name   string
	params string
	call   call
}

// functions are all of preview 1.
var functions = []function{
	{"args_get", "ii", (*job).argsGet},
	{"args_sizes_get", "ii", (*job).argsSizes},
	{"environ_get", "ii", (*job).environGet},
	{"environ_sizes_get", "ii", (*job).environSizes},
	{"clock_res_get", "ii", (*job).clockRes},
	{"clock_time_get", "iIi", (*job).clockTime},
	{"fd_advise", "iIIi", (*job).fdAdvise},
	{"fd_allocate", "iII", (*job).fdAllocate},
	{"fd_close", "i", (*job).fdClose},
	{"fd_datasync", "i", (*job).fdDatasync},
	{"fd_fdstat_get", "ii", (*job).fdstatGet},
	{"fd_fdstat_set_flags", "ii", (*job).fdstatSetFlags},
	{"fd_fdstat_set_rights", "iII", (*job).fdstatSetRights},
	{"fd_filestat_get", "ii", (*job).filestatGet},
	{"fd_filestat_set_size", "iI", (*job).filestatSetSize},
	{"fd_filestat_set_times", "iIIi", (*job).filestatSetTimes},
	{"fd_pread", "iiiIi", (*job).fdPread},
	{"fd_prestat_get", "ii", (*job).prestatGet},
	{"fd_prestat_dir_name", "iii", (*job).prestatDirName},
	{"fd_pwrite", "iiiIi", (*job).fdPwrite},
	{"fd_read", "iiii", (*job).fdRead},
	{"fd_readdir", "iiiIi", (*job).fdReaddir},
	{"fd_renumber", "ii", (*job).fdRenumber},
	{"fd_seek", "iIii", (*job).fdSeek},
	{"fd_sync", "i", (*job).fdSync},
	{"fd_tell", "ii", (*job).fdTell},
	{"fd_write", "iiii", (*job).fdWrite},
	{"path_create_directory", "iii", (*job).pathCreateDirectory},
	{"path_filestat_get", "iiiii", (*job).pathFilestatGet},
	{"path_filestat_set_times", "iiiiIIi", (*job).pathFilestatSetTimes},
	{"path_link", "iiiiiii", (*job).pathLink},
	{"path_open", "iiiiiIIii", (*job).pathOpen},
	{"path_readlink", "iiiiii", (*job).pathReadlink},
	{"path_remove_directory", "iii", (*job).pathRemoveDirectory},
	{"path_rename", "iiiiii", (*job).pathRename},
	{"path_symlink", "iiiii", (*job).pathSymlink},
	{"path_unlink_file", "iii", (*job).pathUnlinkFile},
	{"poll_oneoff", "iiii", (*job).pollOneoff},
	{"proc_exit", "i", procExit},
	{"proc_raise", "i", procRaise},
	{"random_get", "ii", (*job).randomGet},
	{"sched_yield", "", schedYield},
	{"sock_accept", "iii", (*job).sockAccept},
	{"sock_recv", "iiiiii", (*job).sockRecv},
	{"sock_send", "iiiii", (*job).sockSend},
	{"sock_shutdown", "ii", (*job).sockShutdown},
}

func (f function) parameters() []api.ValueType {
	types := make([]api.ValueType, len(f.params))
	for i, p := range f.params {
		types[i] = api.ValueTypeI32
		if p == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// results returns the errno, which only proc_exit does not have.
func (f function) results() []api.ValueType {
	if f.name == "proc_exit" {
		return nil
	}
	return []api.ValueType{api.ValueTypeI32}
}

// Signatures returns the functions of preview 1 by name, each with its type in the form "(i32, i64) -> i32",
// or "(i32)" without a result.
func Signatures() map[string]string {
	all := make(map[string]string, len(functions))
	for _, f := range functions {
		types := make([]string, 0, len(f.params))
		for _, t := range f.parameters() {
			types = append(types, api.ValueTypeName(t))
		}
		s := "(" + strings.Join(types, ", ") + ")"
		if len(f.results()) > 0 {
			s += " -> i32"
		}
		all[f.name] = s
	}
	return all
}
