/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out through sockets, and to the builds next door. */
#include "builder/attack/attack.h"
#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/un.h>

#define SIBLING_PORT 4242
#define SIBLING_NAME "kiln-sibling"
#define SIBLING_KEY  0x6b696c6e
#define SIBLING_S    15

static int
try_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd >= 0)
		close(fd);
	return attack_errno(fd);
}

static int
try_inet(const char *address, int port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	char byte = 'x';

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return errno ? errno : EINVAL;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return errno;
	/* A datagram's refusal comes back with the second call. */
	if (type == SOCK_DGRAM)
		return send(fd, &byte, 1, 0) < 0 || recv(fd, &byte, 1, 0) < 0 ? errno : 0;
	return 0;
}

static int
try_inet6(const char *address, int port, int type)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
	char byte = 'x';

	if (fd < 0 || inet_pton(AF_INET6, address, &to.sin6_addr) != 1)
		return errno ? errno : EINVAL;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return errno;
	if (type == SOCK_DGRAM)
		return send(fd, &byte, 1, 0) < 0 || recv(fd, &byte, 1, 0) < 0 ? errno : 0;
	return 0;
}

/* Without connect: the address comes with the datagram. */
static int
try_send(const char *address, int port, int type, int flags)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0)
		return errno ? errno : EINVAL;
	return attack_errno(sendto(fd, "x", 1, flags, (struct sockaddr *)&to, sizeof(to)));
}

int
attack_tcp_host(void)
{
	return try_inet("127.0.0.1", attack_number("PROBE_PORT"), SOCK_STREAM);
}

int
attack_tcp_outside(void)
{
	return try_inet("192.0.2.1", 80, SOCK_STREAM);
}

int
attack_tcp_metadata(void)
{
	return try_inet("169.254.169.254", 80, SOCK_STREAM);
}

int
attack_tcp6_outside(void)
{
	return try_inet6("2001:db8::1", 80, SOCK_STREAM);
}

int
attack_tcp6_host(void)
{
	return try_inet6("::1", attack_number("PROBE_PORT"), SOCK_STREAM);
}

int
attack_tcp_fast_open(void)
{
	return try_send("192.0.2.1", 443, SOCK_STREAM, MSG_FASTOPEN);
}

int
attack_udp_outside(void)
{
	return try_inet("192.0.2.1", 9999, SOCK_DGRAM);
}

int
attack_udp_sendto(void)
{
	return try_send("192.0.2.1", 9999, SOCK_DGRAM, 0);
}

int
attack_udp_broadcast(void)
{
	return try_send("255.255.255.255", 9999, SOCK_DGRAM, 0);
}

int
attack_udp_multicast(void)
{
	return try_send("224.0.0.251", 5353, SOCK_DGRAM, 0);
}

int
attack_udp_sendmsg(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9999) };
	char byte = 'x';
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &part, .msg_iovlen = 1
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, "192.0.2.1", &to.sin_addr) != 1)
		return errno ? errno : EINVAL;
	return attack_errno(sendmsg(fd, &message, 0));
}

int
attack_dns_local(void)
{
	return try_inet("127.0.0.1", 53, SOCK_DGRAM);
}

int
attack_dns6_local(void)
{
	return try_inet6("::1", 53, SOCK_DGRAM);
}

int
attack_dns_stub(void)
{
	return try_inet("127.0.0.53", 53, SOCK_DGRAM);
}

int
attack_dns_outside(void)
{
	return try_inet("192.0.2.53", 53, SOCK_DGRAM);
}

int
attack_loopback(void)
{
	struct sockaddr_in me = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(me);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&me, n) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&me, &n) < 0)
		return errno;
	return attack_errno(connect(client, (struct sockaddr *)&me, n));
}

/* Only lo: EEXIST when there is another interface. */
int
attack_interfaces(void)
{
	struct if_nameindex *all = if_nameindex();
	int rc = all ? 0 : errno;

	for (struct if_nameindex *i = all; i && i->if_name; i++)
		if (strcmp(i->if_name, "lo") != 0)
			rc = EEXIST;
	if_freenameindex(all);
	return rc;
}

int
attack_set_address(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(0x0a000001) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&lo.ifr_addr, &address, sizeof(address));
	return attack_errno(ioctl(fd, SIOCSIFADDR, &lo));
}

int
attack_low_port(void)
{
	struct sockaddr_in me = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return attack_errno(bind(fd, (struct sockaddr *)&me, sizeof(me)));
}

int
attack_mark_packets(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mark = 1;

	return attack_errno(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
}

/* A socket connected to an abstract name, -1 with errno. */
static int
connect_abstract(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = name ? strlen(name) : 0;

	errno = EINVAL;
	if (fd < 0 || n == 0 || n + 2 > sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path + 1, name, n);
	if (connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) < 0)
		return -1;
	return fd;
}

int
attack_abstract_host(void)
{
	return attack_errno(connect_abstract(getenv("PROBE_ABSTRACT")));
}

static int
send_descriptor(int sock, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte = 'x';
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return attack_errno(sendmsg(sock, &message, MSG_NOSIGNAL));
}

/* A writable descriptor of the output handed to somebody outside. */
int
attack_pass_output(void)
{
	int out = open("/out/passed", O_CREAT | O_RDWR, 0644);
	int sock = connect_abstract(getenv("PROBE_ABSTRACT"));
	int rc = sock < 0 ? errno : send_descriptor(sock, out);

	(void)unlink("/out/passed");
	return rc;
}

/* The same over a datagram that needs no connection. */
int
attack_pass_datagram(void)
{
	const char *name = getenv("PROBE_ABSTRACT");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!name || strlen(name) + 2 > sizeof(to.sun_path))
		return EINVAL;
	memcpy(to.sun_path + 1, name, strlen(name));
	return attack_errno(
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))));
}

/* Both the host's own path and what is usual there. */
static int
connect_path(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return EINVAL;
	strcpy(to.sun_path, path);
	return attack_errno(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

int
attack_socket_docker(void)
{
	return connect_path("/run/docker.sock");
}

int
attack_socket_dbus(void)
{
	return connect_path("/run/dbus/system_bus_socket");
}

int
attack_socket_journal(void)
{
	return connect_path("/run/systemd/journal/stdout");
}

int
attack_socket_syslog(void)
{
	return connect_path("/dev/log");
}

#define SOCKET_ACT(name, family, type, protocol)                                               \
	int attack_##name(void)                                                                \
	{                                                                                      \
		return try_socket(family, type, protocol);                                     \
	}
SOCKET_ACT(vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET_ACT(vsock_datagram, AF_VSOCK, SOCK_DGRAM, 0)
SOCKET_ACT(packet, AF_PACKET, SOCK_RAW, 0)
SOCKET_ACT(alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET_ACT(xdp, AF_XDP, SOCK_RAW, 0)
SOCKET_ACT(qipcrtr, AF_QIPCRTR, SOCK_DGRAM, 0)
SOCKET_ACT(bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
SOCKET_ACT(can, AF_CAN, SOCK_RAW, 1)
SOCKET_ACT(tipc, AF_TIPC, SOCK_SEQPACKET, 0)
SOCKET_ACT(rds, AF_RDS, SOCK_SEQPACKET, 0)
SOCKET_ACT(kcm, AF_KCM, SOCK_DGRAM, 0)
SOCKET_ACT(smc, AF_SMC, SOCK_STREAM, 0)
SOCKET_ACT(key_management, AF_KEY, SOCK_RAW, 2)
SOCKET_ACT(ipx, AF_IPX, SOCK_DGRAM, 0)
SOCKET_ACT(netlink_route, AF_NETLINK, SOCK_RAW, 0)
SOCKET_ACT(netlink_diag, AF_NETLINK, SOCK_RAW, 4)
SOCKET_ACT(netlink_xfrm, AF_NETLINK, SOCK_RAW, 6)
SOCKET_ACT(netlink_audit, AF_NETLINK, SOCK_RAW, 9)
SOCKET_ACT(netlink_netfilter, AF_NETLINK, SOCK_RAW, 12)
SOCKET_ACT(netlink_uevent, AF_NETLINK, SOCK_RAW, 15)
SOCKET_ACT(netlink_generic, AF_NETLINK, SOCK_RAW, 16)
SOCKET_ACT(raw_icmp, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET_ACT(raw6_icmp, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
SOCKET_ACT(raw_ip, AF_INET, SOCK_RAW, IPPROTO_RAW)
SOCKET_ACT(ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
SOCKET_ACT(high_family, AF_MAX + 7, SOCK_STREAM, 0)

int
attack_socketpair_inet(void)
{
	int pair[2];

	return attack_errno(socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

/* ---- two builds at once: one leaves everything it can lying about, the other looks for it
 * ---- */
static int
sibling_listens(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(SIBLING_PORT) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(un.sun_path + 1, SIBLING_NAME, strlen(SIBLING_NAME));
	if (bind(tcp, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(tcp, 5) < 0 ||
	    bind(local, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     strlen(SIBLING_NAME))) < 0)
		return errno;
	return attack_errno(listen(local, 5));
}

int
attack_sibling(void)
{
	if (sibling_listens() != 0 || shmget(SIBLING_KEY, 4096, IPC_CREAT | 0666) < 0 ||
	    semget(SIBLING_KEY, 1, IPC_CREAT | 0666) < 0 ||
	    msgget(SIBLING_KEY, IPC_CREAT | 0666) < 0 ||
	    open("/dev/shm/kiln-sibling", O_CREAT | O_RDWR, 0666) < 0 ||
	    open("/tmp/kiln-sibling", O_CREAT | O_RDWR, 0666) < 0 ||
	    open("/build/kiln-sibling", O_CREAT | O_RDWR, 0666) < 0 ||
	    flock(open("/usr/bin/sh", O_RDONLY), LOCK_EX | LOCK_NB) < 0 ||
	    flock(open("/etc/passwd", O_RDONLY), LOCK_EX | LOCK_NB) < 0)
		return errno;
	printf("sibling: ready\n");
	fflush(stdout);
	sleep(SIBLING_S);
	return 0;
}

int
attack_sibling_abstract(void)
{
	return attack_errno(connect_abstract(SIBLING_NAME));
}

int
attack_sibling_tcp(void)
{
	return try_inet("127.0.0.1", SIBLING_PORT, SOCK_STREAM);
}

int
attack_sibling_shm(void)
{
	return attack_errno(shmget(SIBLING_KEY, 4096, 0));
}

int
attack_sibling_sem(void)
{
	return attack_errno(semget(SIBLING_KEY, 1, 0));
}

int
attack_sibling_msg(void)
{
	return attack_errno(msgget(SIBLING_KEY, 0));
}

int
attack_message_queue(void)
{
	struct mq_attr few = { .mq_maxmsg = 2, .mq_msgsize = 16 };

	return attack_errno(mq_open("/kiln-sibling", O_CREAT | O_RDWR, 0666, &few));
}

int
attack_sibling_mq(void)
{
	return attack_errno(mq_open("/kiln-sibling", O_RDWR));
}

int
attack_sibling_dev_shm(void)
{
	return attack_open("/dev/shm/kiln-sibling", O_RDONLY);
}

int
attack_sibling_tmp(void)
{
	return attack_open("/tmp/kiln-sibling", O_RDONLY);
}

int
attack_sibling_build(void)
{
	return attack_open("/build/kiln-sibling", O_RDONLY);
}

/* Held for nobody else: the lock of another chamber is on another inode. */
int
attack_sibling_flock(void)
{
	static const char *const files[] = { "/usr/bin/sh", "/etc/passwd" };

	for (size_t i = 0; i < 2; i++)
		if (flock(open(files[i], O_RDONLY), LOCK_EX | LOCK_NB) < 0)
			return errno;
	return 0;
}

/* Held for a while, so that another chamber would meet it. */
int
attack_lock_shared(void)
{
	int rc = attack_sibling_flock();

	sleep(2);
	return rc;
}
