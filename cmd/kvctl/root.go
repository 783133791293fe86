package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=...).
var version string

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "kvctl",
		Short: "Run and examine ringkv clusters",
		Long: `kvctl runs ringkv clusters on this machine, puts checking load on clusters of
any kind, and looks into the logs of nodes.

  kvctl demo                       a whole cluster in a minute, and what it survives
  kvctl local --nodes 3            a cluster to work with, until Ctrl-C
  kvctl load --addresses HOST:PORT load that notices every wrong answer`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	var dir string
	root.PersistentFlags().StringVar(&dir, "dir", "ringkv-data", "folder of the local cluster")
	root.AddCommand(newVersionCommand(), newWALCommand(), newLoadCommand(), newLocalCommand(&dir), newDemoCommand())
	root.AddCommand(newChangeCommands(&dir)...)
	root.AddCommand(newLookCommands(&dir)...)
	return root
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
