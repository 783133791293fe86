//go:build linux

package chaos

func networked(m *means) bool { return m.noSandbox == "" && m.noFilter == "" }

// networkKinds are the faults of the network.
var networkKinds = []*kind{
	{name: "cut", weight: 4, gentle: true, possible: networked, inject: func(c *chaos, f fault, m *machine, over func()) error {
		peer := c.peerOf(f, m)
		defer c.network.deafen(m.number, peer.number)()
		defer c.network.deafen(peer.number, m.number)()
		over()
		return nil
	}},
	{name: "one-way cut", weight: 5, gentle: true, possible: networked, inject: func(c *chaos, f fault, m *machine, over func()) error {
		defer c.network.deafen(m.number, c.peerOf(f, m).number)()
		over()
		return nil
	}},
	{name: "isolation of a leader", weight: 5, gentle: true, possible: networked, inject: func(c *chaos, f fault, m *machine, over func()) error {
		// From its peers only: clients still reach it, and must not get old values.
		m = c.leaderOf(uint32(f.n%partitions), m)
		for _, peer := range c.list() {
			if f.n%3 != 0 && peer != m {
				defer c.network.deafen(m.number, peer.number)()
			}
			if f.n%3 != 1 && peer != m {
				defer c.network.deafen(peer.number, m.number)()
			}
		}
		over()
		return nil
	}},
	{name: "partition", weight: 3, gentle: true, possible: networked, inject: func(c *chaos, f fault, _ *machine, over func()) error {
		machines := c.list()
		for i, m := range machines {
			for j, peer := range machines {
				if f.n>>i&1 != f.n>>j&1 {
					defer c.network.deafen(m.number, peer.number)()
				}
			}
		}
		over()
		return nil
	}},
	{name: "unplugged cable", weight: 4, gentle: true, possible: networked, inject: func(c *chaos, _ fault, m *machine, over func()) error {
		defer c.network.unplug(m.number)()
		over()
		return nil
	}},
	{name: "loss", weight: 3, gentle: true, possible: networked, inject: func(c *chaos, f fault, m *machine, over func()) error {
		defer c.network.lose(m.number, float64(5+f.n%35)/100)()
		over()
		return nil
	}},
	{name: "slow link", weight: 3, gentle: true, possible: func(m *means) bool { return m.noSandbox == "" && m.noShaping == "" },
		inject: func(c *chaos, f fault, m *machine, over func()) error {
			defer c.network.slow(m.number, []string{"128kbit", "512kbit", "2mbit"}[f.n%3])()
			over()
			return nil
		}},
}
