-- Rules and their cases: rows as sites would write them, and what is found of
-- them at the hub and at both sites (tests/unit/test_rules.c).
--
--   -- case NAME      begins one
--   -- at SITE        who writes what follows
--   -- finds NN ...   the rules broken; none: the case is clean
--   $d1               a key of this case
--   {-3}, {-3 09:00}  the day, the instant, so many days ago
--
-- Short forms that the runner makes (temporary views):
--   treated(person_id)             person, OOAT enrolment e_, order o_ of 8 mg
--   dose(dose_id, person_id, at, kind, mcg, days)
--   custody(custody_id, person_id, at, kind)
--   session(session_id, at, lead_worker)
-- Limits: 7 days to take home, 14 at LDH-D; 3 missed days; 2 people a mentor.

-- case a normal month
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose SELECT 'd' || value || $_, $a, date({0}, '-' || value || ' days') || 'T09:00:00.000Z',
  'observed', 8000, 1 FROM json_each('[30,29,28,27,26,25,24,23,22,21,20,19,18,17,16,15,14,13,12,11,10,9,8]');
INSERT INTO dose VALUES($t, $a, {-7 09:00}, 'take_home', 48000, 6);
INSERT INTO dose VALUES($l, $a, {-1 09:00}, 'observed', 8000, 1);
-- finds

-- case a completed transfer to prison
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-10 09:00}, 'observed', 8000, 1);
-- at LDH-P
INSERT INTO custody VALUES($k, $a, {-9 08:00}, 'admitted');
INSERT INTO dose VALUES($d2, $a, {-9 12:00}, 'observed', 8000, 1);
INSERT INTO dose VALUES($d3, $a, {-8 12:00}, 'observed', 8000, 1);
INSERT INTO custody VALUES($l, $a, {-7 10:00}, 'released');
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, due_on, receiver_status, receiver_on)
  VALUES($r, $a, 'prison_release', 'LDH-C', {-7}, {-6}, 'attended', {-6});
-- at LDH-C
INSERT INTO dose VALUES($d4, $a, {-7 15:00}, 'guest', 0, 1);
INSERT INTO dose_event(dose_id, person_id, kind, reverses_id, verified_by, dispensed_by, service_date)
  VALUES($x, $a, 'reversal', $d4, 'none', 'n', {-7});
INSERT INTO dose VALUES($d5, $a, {-6 09:00}, 'observed', 8000, 1);
-- finds

-- case an accepted guest day
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-4 09:00}, 'observed', 8000, 1);
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, valid_to, receiver_status, receiver_on)
  VALUES($r, $a, 'guest_dosing', 'LDH-D', {-5}, {-3}, 'accepted', {-4});
INSERT INTO dose VALUES($d3, $a, {-2 09:00}, 'observed', 8000, 1);
-- at LDH-D
INSERT INTO dose VALUES($d2, $a, {-3 09:00}, 'guest', 8000, 1);
-- finds

-- case a link that is undone
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-3 09:00}, 'observed', 8000, 1);
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, decided_by)
  VALUES($l1, $a, $b, 'same', 'abha', 'dr 1');
-- at LDH-D
INSERT INTO treated VALUES($b);
INSERT INTO dose VALUES($d2, $b, {-3 10:00}, 'observed', 8000, 1);
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, supersedes_id, decided_by)
  VALUES($l2, $a, $b, 'different', 'seen', $l1, 'dr 2');
-- finds

-- case take-home beside a dose of the day
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-9 09:00}, 'observed', 8000, 1);
INSERT INTO dose_event(dose_id, person_id, kind, item_code, amount_mcg, days_covered, service_date,
    occurred_at, recorded_at, covers_from, verified_by, dispensed_by)
  VALUES($d2, $a, 'take_home', 'BUP-NAL-2', 24000, 3, {-9}, {-9 09:01}, {-9 09:01}, {-8}, 'none', 'n');
INSERT INTO dose VALUES($d3, $a, {-5 09:00}, 'observed', 8000, 1);
-- finds

-- case 01 two sites on one day
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-3 09:00}, 'observed', 8000, 1);
-- at LDH-P
INSERT INTO custody VALUES($k, $a, {-3 10:00}, 'admitted');
INSERT INTO dose VALUES($d2, $a, {-3 18:00}, 'observed', 8000, 1);
-- finds 01

-- case 01 on two cards, found to be one
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-3 09:00}, 'observed', 8000, 1);
-- at LDH-D
INSERT INTO treated VALUES($b);
INSERT INTO dose VALUES($d2, $b, {-3 10:00}, 'observed', 8000, 1);
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, decided_by)
  VALUES($l1, $a, $b, 'same', 'abha', 'dr 1');
-- finds 01 07 12

-- case 02 dosed while a supply lasts
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-8 09:00}, 'take_home', 56000, 7);
INSERT INTO dose VALUES($d2, $a, {-5 09:00}, 'observed', 8000, 1);
-- finds 02

-- case 02 the rest was brought back
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-8 09:00}, 'take_home', 56000, 7);
INSERT INTO dose_event(dose_id, person_id, kind, returns_id, service_date, verified_by, dispensed_by)
  VALUES($d2, $a, 'returned', $d1, {-5}, 'none', 'n');
INSERT INTO dose VALUES($d3, $a, {-5 09:00}, 'observed', 8000, 1);
-- finds

-- case 03 more days than the order allows
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-20 09:00}, 'take_home', 64000, 8);
-- finds 03

-- case 03 an order for this site allows it
-- at LDH-D
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-20 09:00}, 'take_home', 64000, 8);
-- finds

-- case 04 above the order
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-3 09:00}, 'observed', 10000, 1);
-- finds 04

-- case 04 no order at all
-- at LDH-C
INSERT INTO treated VALUES($a);
UPDATE treatment_order SET valid_to = {-5}, status = 'stopped' WHERE person_id = $a;
INSERT INTO dose VALUES($d0, $a, {-5 09:00}, 'observed', 8000, 1);
INSERT INTO dose VALUES($d1, $a, {-4 09:00}, 'observed', 8000, 1);
-- finds 04

-- case 05 after death
-- at LDH-C
INSERT INTO treated VALUES($a);
UPDATE person SET vital_status = 'dead', death_date = {-6} WHERE person_id = $a;
INSERT INTO dose VALUES($d0, $a, {-6 09:00}, 'observed', 8000, 1);
INSERT INTO dose VALUES($d1, $a, {-5 09:00}, 'observed', 8000, 1);
-- finds 05

-- case 05 after the treatment ended
-- at LDH-C
INSERT INTO treated VALUES($a);
UPDATE enrolment SET status = 'completed', ended_on = {-6} WHERE person_id = $a;
INSERT INTO dose_event(dose_id, person_id, enrolment_id, kind, item_code, amount_mcg, service_date,
    occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'e_' || $a, 'observed', 'BUP-NAL-2', 8000, {-5}, {-5 09:00}, {-5 09:00}, 'none', 'n');
-- finds 05

-- case 06 dosed outside while inside
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-6 09:00}, 'observed', 8000, 1);
-- at LDH-P
INSERT INTO custody VALUES($k1, $a, {-7 10:00}, 'admitted');
INSERT INTO custody VALUES($k2, $a, {-4 10:00}, 'released');
-- at LDH-C
INSERT INTO dose VALUES($d2, $a, {-4 12:00}, 'observed', 8000, 1);
-- finds 06

-- case 07 two treatments at once
-- at LDH-C
INSERT INTO treated VALUES($a);
-- at LDH-D
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e2, $a, 'OST', 'active', {-9});
-- finds 07

-- case 08 in two prisons
-- at LDH-P
INSERT INTO custody VALUES($k1, $a, {-7 10:00}, 'admitted');
-- at LDH-D
INSERT INTO custody VALUES($k2, $a, {-5 10:00}, 'transferred_in');
-- finds 08

-- case 08 held at another two places
-- at LDH-C
INSERT INTO custody VALUES($k1, $a, {-7 10:00}, 'admitted');
-- at LDH-P
INSERT INTO custody VALUES($k2, $a, {-5 10:00}, 'transferred_in');
-- finds 08

-- case 08 transferred
-- at LDH-P
INSERT INTO custody VALUES($k1, $a, {-7 10:00}, 'admitted');
INSERT INTO custody VALUES($k2, $a, {-5 09:00}, 'transferred_out');
-- at LDH-D
INSERT INTO custody VALUES($k3, $a, {-5 10:00}, 'transferred_in');
-- finds

-- case 09 dosed again after three missed days
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-12 09:00}, 'take_home', 16000, 2);
INSERT INTO dose VALUES($d2, $a, {-7 09:00}, 'observed', 8000, 1);
-- finds 09

-- case 09 assessed before
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-12 09:00}, 'take_home', 16000, 2);
INSERT INTO assessment(assessment_id, person_id, instrument, performed_on, dose_clearance, recorded_by)
  VALUES($s, $a, 'COWS', {-6}, 1, 'n');
INSERT INTO dose VALUES($d2, $a, {-6 09:00}, 'observed', 8000, 1);
-- finds

-- case 09 two days missed are few
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-9 09:00}, 'observed', 8000, 1);
INSERT INTO dose VALUES($d2, $a, {-6 09:00}, 'observed', 8000, 1);
-- finds

-- case 10 three people on one mentor
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status) VALUES($c, $w, 'mentor_cert', 'b', 'active');
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active'), ($m2, $w, $b, {-10}, 'active'), ($m3, $w, $c, {-5}, 'active');
-- finds 10

-- case 10 two and one that ended
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status) VALUES($c, $w, 'mentor_cert', 'b', 'active');
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active'), ($m2, $w, $b, {-10}, 'active'), ($m3, $w, $c, {-50}, 'ended');
-- finds

-- case 11 the certificate has expired
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status, expires_on)
  VALUES($c, $w, 'mentor_cert', 'b', 'active', {-2});
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active');
-- finds 11

-- case 11 it will expire
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status, expires_on)
  VALUES($c, $w, 'mentor_cert', 'b', 'active', {30});
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active');
-- finds

-- case 11 into prison without a clearance
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'peer_volunteer', 'V.');
-- at LDH-P
INSERT INTO session VALUES($s, {-4 15:00}, $w);
-- finds 11

-- case 11 with a clearance
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'peer_volunteer', 'V.');
-- at LDH-P
INSERT INTO worker_credential(credential_id, worker_id, kind, scope_site, issuer, status, issued_on)
  VALUES($c, $w, 'facility_clearance', 'LDH-P', 'warden', 'active', {-30});
INSERT INTO session VALUES($s, {-4 15:00}, $w);
-- finds

-- case 12 two orders that differ
-- at LDH-C
INSERT INTO treated VALUES($a);
-- at LDH-D
INSERT INTO treatment_order(order_id, enrolment_id, person_id, item_code, daily_dose_mcg, mode, status, prescriber, valid_from)
  VALUES($o2, 'e', $a, 'BUP-NAL-2', 12000, 'observed', 'active', 'dr 2', {-9});
-- finds 12

-- case 12 the older was superseded
-- at LDH-C
INSERT INTO treated VALUES($a);
UPDATE treatment_order SET status = 'superseded' WHERE person_id = $a;
INSERT INTO treatment_order(order_id, enrolment_id, person_id, item_code, daily_dose_mcg, mode, status, prescriber, valid_from, supersedes_id)
  VALUES($o2, 'e', $a, 'BUP-NAL-2', 12000, 'observed', 'active', 'dr 2', {-9}, 'o_' || $a);
INSERT INTO dose VALUES($d1, $a, {-10 09:00}, 'observed', 8000, 1);
INSERT INTO dose VALUES($d2, $a, {-8 09:00}, 'observed', 12000, 1);
-- finds

-- case 13 tablets are missing
-- at LDH-C
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counted_by)
  VALUES($s1, $i, 'receipt', 100, {-9}, 'n'), ($s2, $i, 'count', 100, {-8}, 'n'),
        ($s3, $i, 'wastage', 2, {-7}, 'n'), ($s4, $i, 'count', 90, {-6}, 'n'), ($s5, $i, 'count', 90, {-5}, 'n');
-- finds 13

-- case 13 the books agree
-- at LDH-C
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counted_by)
  VALUES($s1, $i, 'receipt', 100, {-9}, 'n'), ($s2, $i, 'count', 100, {-8}, 'n'),
        ($s3, $i, 'wastage', 2, {-7}, 'n'), ($s4, $i, 'count', 95, {-6}, 'n');
INSERT INTO dose_event(dose_id, person_id, kind, item_code, units, service_date, occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'observed', $i, 3, {-6}, {-6 09:00}, {-6 09:00}, 'none', 'n');
-- finds

-- case 14 half of a shipment arrived
-- at LDH-C
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counterparty_site, shipment_ref, counted_by)
  VALUES($s1, $i, 'transfer_out', 100, {-12}, 'LDH-D', $ref, 'n');
-- at LDH-D
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counterparty_site, shipment_ref, counted_by)
  VALUES($s2, $i, 'transfer_in', 50, {-10}, 'LDH-C', $ref, 'n');
-- finds 14

-- case 14 all of it arrived, and one that is on its way
-- at LDH-C
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counterparty_site, shipment_ref, counted_by)
  VALUES($s1, $i, 'transfer_out', 100, {-12}, 'LDH-D', $ref, 'n'), ($s3, $i, 'transfer_out', 9, {-3}, 'LDH-D', $ref2, 'n');
-- at LDH-D
INSERT INTO stock_event(stock_id, item_code, kind, qty, occurred_on, counterparty_site, shipment_ref, counted_by)
  VALUES($s2, $i, 'transfer_in', 100, {-10}, 'LDH-C', $ref, 'n');
-- finds

-- case 15 released and not arrived
-- at LDH-P
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, due_on) VALUES($r, $a, 'prison_release', 'LDH-C', {-5}, {-4});
-- finds 15

-- case 15 due tomorrow
-- at LDH-P
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, due_on) VALUES($r, $a, 'prison_release', 'LDH-C', {-5}, {1});
-- finds

-- case 16 named without consent
-- at LDH-C
INSERT INTO session VALUES($s, {-4 15:00}, NULL);
INSERT INTO consent(consent_id, person_id, purpose, data_class, decision, valid_from, evidence, recorded_by)
  VALUES($c1, $a, 'peer_attendance', 'peer', 'given', {-9}, 'signature', 'n'),
        ($c2, $a, 'peer_attendance', 'peer', 'withdrawn', {-5}, 'signature', 'n');
INSERT INTO session_attendance(attendance_id, session_id, person_id, consent_id) VALUES($t, $s, $a, $c1);
-- finds 16

-- case 16 the consent named is another one
-- at LDH-C
INSERT INTO session VALUES($s, {-4 15:00}, NULL);
INSERT INTO consent(consent_id, person_id, purpose, data_class, decision, valid_from, evidence, recorded_by)
  VALUES($c1, $a, 'peer_attendance', 'peer', 'given', {-9}, 'signature', 'n');
INSERT INTO session_attendance(attendance_id, session_id, person_id, consent_id) VALUES($t, $s, $a, $c2);
-- finds 16

-- case 16 with consent
-- at LDH-C
INSERT INTO session VALUES($s, {-4 15:00}, NULL);
INSERT INTO consent(consent_id, person_id, purpose, data_class, decision, valid_from, evidence, recorded_by)
  VALUES($c1, $a, 'peer_attendance', 'peer', 'given', {-9}, 'signature', 'n');
INSERT INTO session_attendance(attendance_id, session_id, person_id, consent_id) VALUES($t, $s, $a, $c1);
-- finds

-- case 17 one number on two people
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token) VALUES($i1, $a, 'abha', $tok);
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token) VALUES($i2, $b, 'abha', $tok);
-- finds 17

-- case 17 looked at, and different
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token) VALUES($i1, $a, 'abha', $tok);
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, decided_by) VALUES($l, $a, $b, 'different', 'seen', 'dr 1');
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token) VALUES($i2, $b, 'abha', $tok);
-- finds

-- case 17 a telephone, which a family shares
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i1, $a, 'phone', $tok), ($i2, $a, 'name_key2', $n1);
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i3, $b, 'phone', $tok), ($i4, $b, 'name_key2', $n2);
-- finds

-- case 17 a given name and a year, which dozens have
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i1, $a, 'name_key2', $tok), ($i2, $a, 'phone', $p1);
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i3, $b, 'name_key2', $tok), ($i4, $b, 'phone', $p2);
-- finds

-- case 17 both together
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i1, $a, 'phone', $tok), ($i2, $a, 'name_key2', $n);
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i3, $b, 'name_key2', $n), ($i4, $b, 'phone', $tok);
-- finds 17

-- case 17 the telephone was written down wrongly
-- at LDH-C
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token)
  VALUES($i1, $a, 'phone', $tok), ($i2, $a, 'name_key2', $n);
-- at LDH-D
INSERT INTO person_identifier(identifier_id, person_id, kind, match_token, status)
  VALUES($i3, $b, 'name_key2', $n, 'current'), ($i4, $b, 'phone', $tok, 'entered_in_error');
-- finds

-- case 18 one card number on two people
-- at LDH-C
INSERT INTO person(person_id, beneficiary_no) VALUES($a, $n);
-- at LDH-D
INSERT INTO person(person_id, beneficiary_no) VALUES($b, $n);
-- finds 18

-- case 19 links that contradict one another
-- at LDH-C
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, decided_by)
  VALUES($l1, $a, $b, 'same', 'x', 'dr 1'), ($l2, $b, $c, 'same', 'x', 'dr 1');
-- at LDH-D
INSERT INTO person_link(link_id, person_a, person_b, decision, basis, decided_by) VALUES($l3, $a, $c, 'different', 'x', 'dr 2');
-- finds 19

-- case 20 signed ahead
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose_event(dose_id, person_id, kind, item_code, amount_mcg, service_date, occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'observed', 'BUP-NAL-2', 8000, {-3}, {-3 09:00}, {-6 09:00}, 'none', 'n');
-- finds 20

-- case 20 written three weeks late
-- at LDH-C
INSERT INTO person(person_id, beneficiary_no, recorded_at) VALUES($a, $a, {-60 09:00});
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'OOAT', 'active', {-60});
INSERT INTO treatment_order(order_id, enrolment_id, person_id, item_code, daily_dose_mcg, mode, status, prescriber, valid_from)
  VALUES($o, $e, $a, 'BUP-NAL-2', 8000, 'observed', 'active', 'dr 1', {-60});
INSERT INTO dose_event(dose_id, person_id, kind, item_code, amount_mcg, service_date, occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'observed', 'BUP-NAL-2', 8000, {-30}, {-30 09:00}, {-9 09:00}, 'none', 'n');
-- finds 20

-- case 20 a register of before the start
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose_event(dose_id, person_id, kind, item_code, amount_mcg, service_date, occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'observed', 'BUP-NAL-2', 8000, {-30}, {-30 09:00}, {-1 09:00}, 'none', 'n');
-- finds

-- case 20 a meeting signed ahead
-- at LDH-P
INSERT INTO peer_session(session_id, group_id, held_on, outcome, recorded_at) VALUES($s, 'g', {-3}, 'held', {-9 09:00});
-- finds 20

-- case 21 nobody called
-- at LDH-C
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'aftercare', 'active', {-200});
INSERT INTO followup(followup_id, person_id, enrolment_id, due_on, done_on, result, next_due_on, department)
  VALUES($f, $a, $e, {-100}, {-100}, 'contacted', {-40}, 'health');
-- finds 21

-- case 21 called last week
-- at LDH-C
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'aftercare', 'active', {-200});
INSERT INTO followup(followup_id, person_id, enrolment_id, due_on, done_on, result, next_due_on, department)
  VALUES($f, $a, $e, {-7}, {-7}, 'contacted', {60}, 'health');
-- finds

-- case 22 taken over, and the offer not accepted
-- at LDH-C
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'rehab', 'active', {-50});
INSERT INTO referral(referral_id, person_id, enrolment_id, kind, to_site, offered_epoch, offered_on)
  VALUES($r, $a, $e, 'rehab', 'LDH-D', 1, {-5});
-- sync
-- at LDH-D
UPDATE enrolment SET owner_site = 'LDH-D', owner_epoch = 2 WHERE enrolment_id = $e;
-- finds 22

-- case 22 taken over and accepted
-- at LDH-C
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'rehab', 'active', {-50});
INSERT INTO referral(referral_id, person_id, enrolment_id, kind, to_site, offered_epoch, offered_on)
  VALUES($r, $a, $e, 'rehab', 'LDH-D', 1, {-5});
-- sync
-- at LDH-D
UPDATE enrolment SET owner_site = 'LDH-D', owner_epoch = 2 WHERE enrolment_id = $e;
UPDATE referral SET receiver_status = 'accepted', receiver_on = {-4} WHERE referral_id = $r;
-- finds

-- case 23 dosed where nobody sent the person
-- at LDH-C
INSERT INTO treated VALUES($a);
-- at LDH-D
INSERT INTO dose VALUES($d1, $a, {-3 09:00}, 'guest', 8000, 1);
-- finds 23

-- case 02 dosed elsewhere while a supply lasts
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-8 09:00}, 'take_home', 56000, 7);
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, valid_to, receiver_status, receiver_on)
  VALUES($r, $a, 'guest_dosing', 'LDH-D', {-9}, {-3}, 'accepted', {-8});
-- at LDH-D
INSERT INTO dose VALUES($d2, $a, {-5 09:00}, 'guest', 8000, 1);
-- finds 02

-- case 04 above an order of another site
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, valid_to, receiver_status, receiver_on)
  VALUES($r, $a, 'guest_dosing', 'LDH-D', {-9}, {-3}, 'accepted', {-8});
-- at LDH-D
INSERT INTO dose VALUES($d1, $a, {-5 09:00}, 'guest', 10000, 1);
-- finds 04

-- case 05 elsewhere after the treatment ended
-- at LDH-C
INSERT INTO treated VALUES($a);
UPDATE enrolment SET status = 'completed', ended_on = {-6} WHERE person_id = $a;
-- at LDH-D
INSERT INTO dose_event(dose_id, person_id, enrolment_id, kind, item_code, amount_mcg, service_date,
    occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'e_' || $a, 'guest', 'BUP-NAL-2', 8000, {-5}, {-5 09:00}, {-5 09:00}, 'none', 'n');
-- finds 05 23

-- case 09 dosed elsewhere after three missed days
-- at LDH-C
INSERT INTO treated VALUES($a);
INSERT INTO dose VALUES($d1, $a, {-12 09:00}, 'observed', 8000, 1);
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, valid_to, receiver_status, receiver_on)
  VALUES($r, $a, 'guest_dosing', 'LDH-D', {-9}, {-3}, 'accepted', {-8});
-- at LDH-D
INSERT INTO dose VALUES($d2, $a, {-5 09:00}, 'guest', 8000, 1);
-- finds 09

-- case 10 three people of two sites on one mentor
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status) VALUES($c, $w, 'mentor_cert', 'b', 'active');
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active'), ($m2, $w, $b, {-10}, 'active');
-- at LDH-D
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m3, $w, $c, {-5}, 'active');
-- finds 10

-- case 11 a certificate from elsewhere has expired
-- at LDH-C
INSERT INTO worker(worker_id, kind, display_name) VALUES($w, 'mentor', 'M.');
INSERT INTO worker_credential(credential_id, worker_id, kind, issuer, status, expires_on)
  VALUES($c, $w, 'mentor_cert', 'b', 'active', {-2});
-- at LDH-D
INSERT INTO mentor_assignment(assignment_id, worker_id, person_id, started_on, status)
  VALUES($m1, $w, $a, {-20}, 'active');
-- finds 11

-- case 16 consent was taken back elsewhere
-- at LDH-C
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'rehab', 'active', {-9});
INSERT INTO consent(consent_id, person_id, purpose, data_class, decision, valid_from, evidence, recorded_by)
  VALUES($c1, $a, 'peer_attendance', 'peer', 'given', {-9}, 'signature', 'n'),
        ($c2, $a, 'peer_attendance', 'peer', 'withdrawn', {-5}, 'signature', 'n');
-- at LDH-D
INSERT INTO session VALUES($s, {-4 15:00}, NULL);
INSERT INTO session_attendance(attendance_id, session_id, person_id, consent_id) VALUES($t, $s, $a, $c1);
-- finds 16

-- case 20 written late of somebody known elsewhere
-- at LDH-C
INSERT INTO person(person_id, beneficiary_no, recorded_at) VALUES($a, $a, {-60 09:00});
INSERT INTO enrolment(enrolment_id, person_id, programme, status, started_on) VALUES($e, $a, 'OOAT', 'active', {-60});
INSERT INTO treatment_order(order_id, enrolment_id, person_id, item_code, daily_dose_mcg, mode, status, prescriber, valid_from)
  VALUES($o, $e, $a, 'BUP-NAL-2', 8000, 'observed', 'active', 'dr 1', {-60});
INSERT INTO referral(referral_id, person_id, kind, to_site, offered_on, valid_to, receiver_status, receiver_on)
  VALUES($r, $a, 'guest_dosing', 'LDH-D', {-40}, {-20}, 'accepted', {-40});
-- at LDH-D
INSERT INTO dose_event(dose_id, person_id, kind, item_code, amount_mcg, service_date, occurred_at, recorded_at, verified_by, dispensed_by)
  VALUES($d1, $a, 'guest', 'BUP-NAL-2', 8000, {-30}, {-30 09:00}, {-9 09:00}, 'none', 'n');
-- finds 20
