/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Invite: the file a parent writes for one new node (docs/design.md section
 * 8), and the request and grant that answer it.
 *
 * Text, one "name = value" a line, comments with '#'. It holds the secret half
 * of a one-time CURVE pair: whoever has the file may enrol, once, until it
 * expires. Unknown, missing and repeated names are refused with their line.
 *
 *   version = 1
 *   network = 64 hexadecimal digits (the root's fingerprint)
 *   parent  = tcp://hub.example:7447
 *   parent_curve = 64 hexadecimal digits, the parent's CURVE public key
 *   site    = PB-LDH-C01
 *   expires = 2026-12-06T10:00:00Z
 *   curve_public, curve_secret = 64 hexadecimal digits each
 */
#ifndef SANGAM_INVITE_H
#define SANGAM_INVITE_H

#include "keys.h"

struct invite {
    struct hash network;
    char parent_address[ADDRESS_BYTES_MAX + 1];
    uint8_t parent_curve[KEY_PUBLIC_BYTES];
    char site[SITE_BYTES_MAX + 1];
    int64_t expires_ms; /* whole seconds, since 1970, UTC */
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    uint8_t curve_secret[KEY_SECRET_BYTES];
};

/* Asserts that `expires_ms` is whole seconds of the years 1970 to 9999. The
 * text holds a secret: it is wiped by its owner. */
void invite_print(const struct invite *invite, struct bytes *out);
/* Refuses as fields.h says; ERR_VERSION for another version; ERR_INPUT for a
 * network of zeros, an address that is not tcp://host:port, a name no site can
 * have, a date that does not exist, a pair whose halves do not belong
 * together. Whether the date is past is for the caller, who has a clock. */
int invite_parse(struct slice text, struct invite *ret, struct err *e);

/* What a parent's own record of an invite says, signed with the parent's
 * identity key, so that the node opens no invite that was not made by someone
 * who can read its keys.
 *
 *   proof = Ed25519("sangam-invite-row-1" ‖ network ‖ curve_public ‖
 *                   u32 length of site ‖ site ‖ u8 may_enrol ‖ u64 expires_ms)
 */
struct invite_row {
    struct hash network;
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    char site[SITE_BYTES_MAX + 1];
    bool may_enrol;
    int64_t expires_ms;
};

void invite_row_sign(const struct invite_row *row, const struct keys *keys,
                     uint8_t ret_proof[SIGNATURE_BYTES]);
bool invite_row_verify(const struct invite_row *row,
                       const uint8_t sign_public[KEY_PUBLIC_BYTES],
                       const uint8_t proof[SIGNATURE_BYTES]);

/* What a new node asks: its three public keys and the invite's public key,
 * signed with its identity key.
 *
 *   signature = Ed25519("sangam-enrol-1" ‖ network ‖ invite_curve ‖
 *                       sign_public ‖ box_public ‖ curve_public)
 */
struct enrol_request {
    struct hash network;
    uint8_t invite_curve[KEY_PUBLIC_BYTES];
    uint8_t sign_public[KEY_PUBLIC_BYTES];
    uint8_t box_public[KEY_PUBLIC_BYTES];
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    uint8_t signature[SIGNATURE_BYTES];
};

/* `network` and `invite_curve` are set already; fills in the rest. */
void enrol_request_sign(struct enrol_request *request, const struct keys *keys);
/* ERR_SIGNATURE. Says nothing about the invite or the network. */
int enrol_request_verify(const struct enrol_request *request, struct err *e);

#endif
