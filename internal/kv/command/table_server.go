package command

// anytime are the flags of commands that need no data and no password.
const anytime = Loading | Stale | Fast | NoScript | AllowBusy

var connectionCommands = []*Spec{
	{Name: "ping", Arity: -1, Flags: Fast, Group: "connection", Since: "1.0.0", Summary: "Returns the server's liveliness response.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"}},
	{Name: "echo", Arity: 2, Flags: Loading | Stale | Fast, Group: "connection", Since: "1.0.0", Summary: "Returns the given string."},
	{Name: "quit", Arity: -1, Flags: anytime | NoAuth, Group: "connection", Since: "1.0.0", Summary: "Closes the connection."},
	{Name: "reset", Arity: 1, Flags: anytime | NoAuth, Group: "connection", Since: "6.2.0", Summary: "Resets the connection."},
	{Name: "hello", Arity: -1, Flags: anytime | NoAuth, Group: "connection", Since: "6.0.0", Summary: "Handshakes with the Redis server."},
	{Name: "auth", Arity: -2, Flags: anytime | NoAuth, Group: "connection", Since: "1.0.0", Summary: "Authenticates the connection."},
	{Name: "select", Arity: 2, Flags: Loading | Stale | Fast, Group: "connection", Since: "1.0.0", Summary: "Changes the selected database."},
	{Name: "readonly", Arity: 1, Flags: Loading | Stale | Fast, Group: "cluster", Since: "3.0.0", Summary: "Lets any replica answer the connection's reads, possibly behind."},
	{Name: "readwrite", Arity: 1, Flags: Loading | Stale | Fast, Group: "cluster", Since: "3.0.0", Summary: "Makes the connection's reads linearizable again."},
	{Name: "client", Arity: -2, Group: "connection", Since: "2.4.0", Summary: "A container for client connection commands.",
		Subcommands: []*Spec{
			{Name: "id", Arity: 2, Flags: NoScript | Loading | Stale, Since: "5.0.0", Summary: "Returns the unique client ID of the connection."},
			{Name: "setname", Arity: 3, Flags: NoScript | Loading | Stale, Since: "2.6.9", Summary: "Sets the connection name."},
			{Name: "getname", Arity: 2, Flags: NoScript | Loading | Stale, Since: "2.6.9", Summary: "Returns the name of the connection."},
			{Name: "setinfo", Arity: 4, Flags: NoScript | Loading | Stale, Since: "7.2.0", Summary: "Sets information specific to the client or connection."},
			{Name: "info", Arity: 2, Flags: NoScript | Loading | Stale, Since: "6.2.0", Summary: "Returns information about the connection."},
			{Name: "list", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Since: "2.4.0", Summary: "Lists open connections."},
			{Name: "kill", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Since: "2.4.0", Summary: "Terminates open connections."},
			{Name: "no-evict", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Since: "7.0.0", Summary: "Sets the client eviction mode of the connection."},
			{Name: "no-touch", Arity: 3, Flags: NoScript | Loading | Stale, Since: "7.2.0", Summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys."},
			{Name: "reply", Arity: 3, Flags: NoScript | Loading | Stale | NoMulti, Since: "3.2.0", Summary: "Instructs the server whether to reply to commands."},
			{Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0", Summary: "Returns helpful text about the different subcommands."},
		}},
}

var transactionCommands = []*Spec{
	{Name: "multi", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Group: "transactions", Since: "1.2.0", Summary: "Starts a transaction."},
	{Name: "exec", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, Group: "transactions", Since: "1.2.0", Summary: "Executes all commands in a transaction."},
	{Name: "discard", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Group: "transactions", Since: "2.0.0", Summary: "Discards a transaction."},
	{Name: "watch", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, KeySpecs: keysFrom1(1, KeyRO),
		Group: "transactions", Since: "2.2.0", Summary: "Monitors changes to keys to determine the execution of a transaction."},
	{Name: "unwatch", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Group: "transactions", Since: "2.2.0", Summary: "Forgets about watched keys of a transaction."},
}

var serverCommands = []*Spec{
	{Name: "info", Arity: -1, Flags: Loading | Stale, Group: "server", Since: "1.0.0", Summary: "Returns information and statistics about the server.",
		Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
	{Name: "time", Arity: 1, Flags: Loading | Stale | Fast, Group: "server", Since: "2.6.0", Summary: "Returns the server time.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast, Group: "server", Since: "2.8.12", Summary: "Returns the replication role."},
	{Name: "command", Arity: -1, Flags: Loading | Stale, Group: "server", Since: "2.8.13", Summary: "Returns detailed information about all commands.",
		Tips: []string{"nondeterministic_output_order"},
		Subcommands: []*Spec{
			{Name: "count", Arity: 2, Flags: Loading | Stale, Since: "2.8.13", Summary: "Returns a count of commands."},
			{Name: "info", Arity: -2, Flags: Loading | Stale, Since: "2.8.13", Summary: "Returns information about one, multiple or all commands.",
				Tips: []string{"nondeterministic_output_order"}},
			{Name: "list", Arity: -2, Flags: Loading | Stale, Since: "7.0.0", Summary: "Returns a list of command names.",
				Tips: []string{"nondeterministic_output_order"}},
			{Name: "docs", Arity: -2, Flags: Loading | Stale, Since: "7.0.0", Summary: "Returns documentary information about one, multiple or all commands.",
				Tips: []string{"nondeterministic_output_order"}},
			{Name: "getkeys", Arity: -3, Flags: Loading | Stale, Since: "2.8.13", Summary: "Extracts the key names from an arbitrary command."},
			{Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0", Summary: "Returns helpful text about the different subcommands."},
		}},
	{Name: "config", Arity: -2, Group: "server", Since: "2.0.0", Summary: "A container for server configuration commands.",
		Subcommands: []*Spec{
			{Name: "get", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0", Summary: "Returns the effective values of configuration parameters."},
			{Name: "set", Arity: -4, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0", Summary: "Sets configuration parameters in-flight."},
			{Name: "resetstat", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0", Summary: "Resets the server's statistics."},
			{Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0", Summary: "Returns helpful text about the different subcommands."},
		}},
}
