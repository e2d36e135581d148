-- 0015: K19 asks of each clinic whether somebody came for counselling in the
-- period. Both indexes are of no use to anything else, so that v_dose_check and the
-- rules keep those by person (see 0010).

CREATE INDEX referral_counselling ON referral(to_site, receiver_on)
  WHERE kind = 'counselling';
CREATE INDEX counselling_note_held ON counselling_note(origin_site, held_on)
  WHERE kind = 'counselling';
