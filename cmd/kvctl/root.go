package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=...).
var version string

// The groups of commands in the help.
const (
	groupData   = "data"
	groupLook   = "look"
	groupChange = "change"
	groupRun    = "run"
	groupLoad   = "load"
)

// newCommand returns all commands. They work on the cluster of the session.
func newCommand(s *session) *cobra.Command {
	root := newRoot()
	if s.plugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: s.name()}
	}
	s.register(root.PersistentFlags())
	addClusterCommands(root, s)
	addGroup(root, groupRun, "Run clusters:",
		newLocalCommand(&s.dir), newCoordinateCommand(s), newDemoCommand(), newLoadCommand(), newShellCommand(s))
	root.AddCommand(newVersionCommand())
	markUsageErrors(root)
	return root
}

// addClusterCommands adds the commands that the shell has too.
func addClusterCommands(root *cobra.Command, s *session) {
	addGroup(root, groupData, "Keys:", newDataCommands(s)...)
	addGroup(root, groupLook, "Look at a cluster:", append(newLookCommands(s), newStatusCommand(s), newTopCommand(s), newWatchCommand(s), newPlanCommand(s), newRingCommand(s), newDoctorCommand(s))...)
	addGroup(root, groupChange, "Change a cluster:", newChangeCommands(s)...)
	addGroup(root, groupLoad, "Measure and examine:", newBenchCommand(s), newWALCommand())
}

func addGroup(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

func newRoot() *cobra.Command {
	return &cobra.Command{
		Use:   "kvctl",
		Short: "Run, examine and change ringkv clusters",
		Long: `kvctl runs ringkv clusters on this machine, shows and changes clusters of any kind,
puts load on them, and looks into the logs of nodes.

  kvctl demo                       a whole cluster in a minute, and what it survives
  kvctl local --nodes 3            a cluster to work with, until Ctrl-C
  kvctl shell                      talk to it`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "kvctl", buildVersion()) },
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
