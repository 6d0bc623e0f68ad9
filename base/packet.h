/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between the agent and its children: SOCK_SEQPACKET, one packet = one JSON object of at
 * most PACKET_MAX bytes, with at most one descriptor beside it. What the objects say is in
 * base/proto.h.
 */
#ifndef BASE_PACKET_H
#define BASE_PACKET_H

#include <jansson.h>

#define PACKET_MAX 65536

/*
 * Sends one object; pass_fd, unless -1, is duplicated to the other side and stays the caller's.
 * Returns 0, -EAGAIN when the peer does not read (non-blocking socket), -EMSGSIZE when the object
 * is too large, or another negative errno when the channel is dead. Never raises SIGPIPE.
 */
int packet_send(int fd, const json_t *object, int pass_fd);

/*
 * Receives one object. Returns 1 and gives the object (owned by the caller) and the descriptor
 * (-1 when there is none; owned by the caller); 0 at end of file; -EAGAIN when there is nothing
 * yet on a non-blocking socket; -EPROTO for anything that is not one whole JSON object; another
 * negative errno. The text is wiped: packets may carry tokens.
 */
int packet_recv(int fd, json_t **ret_object, int *ret_fd);

#endif
