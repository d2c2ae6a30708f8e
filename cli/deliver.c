/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "config/config.h"
#include "core/base/name.h"

/* deliver example: what has to be written where, at both ends, for a consumer. */

struct order {
	const char *name;  /* of the binding */
	const char *here;  /* the agent that leads */
	const char *there; /* the other one */
};

static void binding_head(const struct order *order, bool leads)
{
	printf("# skexd.conf at %s, which %s:\n", leads ? order->here : order->there,
		leads ? "leads" : "follows");
	printf("bindings = ( {\n"
	       "\tname = \"%s\";\n"
	       "\tpeer = \"%s\";\n"
	       "\trole = \"%s\";\n",
		order->name, leads ? order->there : order->here, leads ? "leads" : "follows");
	if (leads)
		printf("\tperiod = \"2 min\";\n");
}

static void wireguard(const struct order *order)
{
	unsigned end;

	printf("# WireGuard in user space (wireguard-go), with the tunnel as it is without skex:\n"
	       "# wg0 at both ends, each the other's peer.\n");
	for (end = 0; end < 2; end++) {
		printf("\n");
		binding_head(order, end == 0);
		printf("\twireguard = {\n"
		       "\t\tinterface = \"wg0\";\n"
		       "\t\t# what `wg show wg0 public-key` prints at %s:\n"
		       "\t\tpublic_key = \"PUBLIC-KEY-OF-%s\";\n"
		       "\t};\n"
		       "} );\n",
			end == 0 ? order->there : order->here,
			end == 0 ? order->there : order->here);
	}
}

static void ikev2(const struct order *order)
{
	unsigned end;

	printf("# strongSwan, with the connection written here and not in swanctl.conf: it is\n"
	       "# loaded with ppk_required = yes and another PPK each time.\n");
	for (end = 0; end < 2; end++) {
		printf("\n# swanctl.conf at %s, loaded with `swanctl --load-creds`:\n"
		       "secrets {\n"
		       "    ike-%s {\n"
		       "        id-1 = a.example\n"
		       "        id-2 = b.example\n"
		       "        secret = \"SECRET-OF-BOTH\"\n"
		       "    }\n"
		       "}\n\n",
			end == 0 ? order->here : order->there, order->name);
		binding_head(order, end == 0);
		printf("\tikev2 = {\n"
		       "\t\tconnection = \"%s\";\n"
		       "\t\tsettings = [\n"
		       "\t\t\t\"local_addrs = %s\", \"remote_addrs = %s\",\n"
		       "\t\t\t\"local.auth = psk\", \"local.id = %s.example\",\n"
		       "\t\t\t\"remote.auth = psk\", \"remote.id = %s.example\",\n"
		       "\t\t\t\"proposals = aes256-sha384-x25519\",\n"
		       "\t\t\t\"children.net.local_ts = 10.%u.0.0/16\",\n"
		       "\t\t\t\"children.net.remote_ts = 10.%u.0.0/16\",\n"
		       "\t\t\t\"children.net.esp_proposals = aes256gcm16-x25519\"\n"
		       "\t\t];\n"
		       "\t};\n"
		       "} );\n",
			order->name, end == 0 ? "192.0.2.1" : "192.0.2.2",
			end == 0 ? "192.0.2.2" : "192.0.2.1", end == 0 ? "a" : "b",
			end == 0 ? "b" : "a", end + 1, 2 - end);
	}
}

static void routing(const struct order *order)
{
	unsigned end;

	printf("# BIRD, here for OSPF; for BFD and BGP in the same way.  Once, at both ends:\n"
	       "#   usermod -a -G bird skex\n"
	       "#   install -d -o skex -g bird -m 2750 /etc/bird/skex\n");
	for (end = 0; end < 2; end++) {
		printf("\n# bird.conf at %s, with no other authentication or password there:\n"
		       "protocol ospf v2 ospf1 {\n"
		       "    ipv4 { import all; export none; };\n"
		       "    area 0 {\n"
		       "        interface \"eth1\" {\n"
		       "            type ptp;\n"
		       "            include \"/etc/bird/skex/%s.conf\";\n"
		       "        };\n"
		       "    };\n"
		       "}\n\n",
			end == 0 ? order->here : order->there, order->name);
		binding_head(order, end == 0);
		printf("\trouting = {\n"
		       "\t\tmethod = \"ospf\";\n"
		       "\t\tprotocol = \"ospf1\";\n"
		       "\t\tinterface = \"eth1\";\n"
		       "\t\tfile = \"/etc/bird/skex/%s.conf\";\n"
		       "\t};\n"
		       "} );\n",
			order->name);
	}
}

static void macsec(const struct order *order)
{
	static const char letters[] = "ab";
	unsigned end;

	printf("# MACsec over eth1: two wpa_supplicants with an interface each, and a bond of the\n"
	       "# two that carries the traffic, at both ends. Once, as root:\n"
	       "ip link add bond0 type bond mode active-backup miimon 100 all_slaves_active 1\n"
	       "ip link set bond0 mtu 1468  # 32 less than that of eth1\n");
	for (end = 0; end < 2; end++)
		printf("ip link add link eth1 macsec-%c type macsec port %u encrypt on\n"
		       "ip link set macsec-%c master bond0\n"
		       "wpa_supplicant -B -D macsec_linux -i eth1 -c /etc/skex/macsec-%c.conf\n",
			letters[end], end + 1, letters[end], letters[end]);
	printf("ip link set bond0 up\n\n");
	for (end = 0; end < 2; end++)
		printf("# /etc/skex/macsec-%c.conf at both ends, with no network:\n"
		       "ctrl_interface=/run/macsec-%c\n"
		       "eapol_version=3\n"
		       "ap_scan=0\n\n",
			letters[end], letters[end]);
	for (end = 0; end < 2; end++) {
		binding_head(order, end == 0);
		printf("\tmacsec = {\n"
		       "\t\tsockets = [ \"/run/macsec-a/eth1\", \"/run/macsec-b/eth1\" ];\n"
		       "\t\tbond = \"bond0\";\n"
		       "\t\tinterfaces = [ \"macsec-a\", \"macsec-b\" ];\n"
		       "\t};\n"
		       "} );\n%s",
			end == 0 ? "\n" : "");
	}
}

static void macsec_static(const struct order *order)
{
	unsigned end;

	printf("# MACsec over eth1 without MKA: skex puts the keys into the interface itself.\n"
	       "# Once, as root, at both ends:\n"
	       "ip link add link eth1 macsec0 type macsec cipher gcm-aes-256 encrypt on "
	       "replay on window 32\n"
	       "ip link set macsec0 up\n");
	for (end = 0; end < 2; end++) {
		printf("\n");
		binding_head(order, end == 0);
		printf("\tmacsec = {\n"
		       "\t\tmode = \"static\";\n"
		       "\t\tinterface = \"macsec0\";\n"
		       "\t\t# the 16 digits after TXSC that `ip macsec show` prints at %s:\n"
		       "\t\tpeer_sci = \"%s\";\n"
		       "\t};\n"
		       "} );\n",
			end == 0 ? order->there : order->here,
			end == 0 ? "0200000000020001" : "0200000000010001");
	}
}

static const struct {
	const char *kind;
	void (*print)(const struct order *order);
} examples[] = {
	{"wireguard", wireguard},
	{"ikev2", ikev2},
	{"routing", routing},
	{"macsec", macsec},
	{"macsec-static", macsec_static},
};

static bool are_names(const struct order *order)
{
	const char *const names[] = {order->name, order->here, order->there};
	struct skex_name name;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!skex_name_parse(&name, skex_view(names[i], strlen(names[i]))))
			return false;
	}
	return strcmp(order->here, order->there) != 0;
}

static int run_example(int argc, char **argv)
{
	struct order order = {"site", "agent1", "agent2"};
	const struct skex_argument table[] = {{"--name", SKEX_ARGUMENT_TEXT, &order.name, 0, 0},
		{"--leads", SKEX_ARGUMENT_TEXT, &order.here, 0, 0},
		{"--follows", SKEX_ARGUMENT_TEXT, &order.there, 0, 0}, {.name = NULL}};
	const char *kind;
	size_t i;
	int code = skex_arguments_read(argc, argv, table, &kind, 1);

	if (code != 0)
		return code;
	if (!are_names(&order))
		return skex_command_misuse("--name, --leads and --follows take names, and the two "
					   "agents are not the same");
	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		if (strcmp(examples[i].kind, kind) == 0) {
			examples[i].print(&order);
			return fflush(stdout) == 0 ? 0
						   : skex_command_fail(SKEX_E_IO, NULL,
							     "the example cannot be printed");
		}
	}
	return skex_command_misuse("there are examples for wireguard, ikev2, routing, macsec and "
				   "macsec-static");
}

const struct skex_command skex_deliver_commands[] = {
	{"example",
		"wireguard|ikev2|routing|macsec|macsec-static [--name BINDING] [--leads AGENT] "
		"[--follows AGENT]",
		"print what to write at both ends to key a consumer", run_example},
	{.name = NULL},
};
