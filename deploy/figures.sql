-- What seven programmes publish, and what headquarters counts of the rows that
-- sites wrote: by the indicators' views (store/schema/0010_indicators.sql), never
-- from a stored sum. deploy/demo sets :month, :quarter and :year, and prints it;
-- the rows are invented (tests/sample/programmes.c), the figures are not.
--
-- Columns: hub, figure, published, counted, how near it must be, 1 if it is.

-- Peer Support Network in the prisons of Punjab
SELECT 'PB-JL-H', 'Punjab: prisons with a meeting held', '19 of 25',
       num || ' of ' || den, 'exactly', num = 19 AND den = 25
  FROM v_indicator
 WHERE indicator = 'K01' AND period = :month AND place = 'PB-JL';

SELECT 'PB-JL-H', 'Punjab: people who attend', 'about 1,540',
       format('%,d', sum(num)), 'within 3 %', abs(sum(num) - 1540) <= 0.03 * 1540
  FROM v_indicator
 WHERE indicator = 'K02' AND period = :month
   AND place IN (SELECT site_id FROM ref_site WHERE parent_site_id = 'PB-JL-H');

-- OST in Aizawl
SELECT 'MZ-H', 'Mizoram: clients on OST', 'over 100', sum(num), 'over 100',
       sum(num) > 100
  FROM v_indicator
 WHERE indicator = 'K05' AND period = :month AND place = 'MZ-AZL';

-- SENDA: guidance to work, a year in five regions
SELECT 'CL-H', 'Chile: people who ended guidance', '600', sum(den), 'within 3 %',
       abs(sum(den) - 600) <= 0.03 * 600
  FROM v_indicator
 WHERE indicator = 'K11' AND period = :year AND place GLOB 'CL-*';

SELECT 'CL-H', 'Chile: women among them', '40 %',
       round(100.0 * women / people, 1) || ' %', 'within 5 points',
       abs(100.0 * women / people - 40) <= 5
  FROM (SELECT sum(den) AS people, sum(den) FILTER (WHERE split = 'female') AS women
          FROM v_indicator
         WHERE indicator = 'K11' AND period = :year AND place GLOB 'CL-*');

SELECT 'CL-H', 'Chile: in work within six months', '70 %',
       round(100.0 * sum(num) / sum(den), 1) || ' %', 'within 5 points',
       abs(100.0 * sum(num) / sum(den) - 70) <= 5
  FROM v_indicator
 WHERE indicator = 'K11' AND period = :year AND place GLOB 'CL-*';

-- Mentors of case care management: 90 % attendance and the practical
SELECT 'TT-H', 'Trinidad: mentors who passed', '23',
       sum(num) || ' of ' || sum(den) || ' in ' || count(*) || ' groups', 'exactly',
       sum(num) = 23 AND count(*) = 2
  FROM v_indicator
 WHERE indicator = 'K13' AND period = :year AND place GLOB 'TT *';

SELECT 'TT-H', 'Trinidad: mentees for each mentor', 'crowded in one',
       group_concat(place || ' ' || round(each, 1), ', '), 'one twice any other',
       max(each) >= 2 * max(each) FILTER (WHERE nth = 2)
  FROM (SELECT place, 1.0 * num / den AS each,
               row_number() OVER (ORDER BY 1.0 * num / den DESC) AS nth
          FROM v_indicator
         WHERE indicator = 'K14' AND place GLOB 'TT-*');

-- San Patrignano: work in the trade that was learned there
SELECT 'IT-H', 'San Patrignano: in the trade learned', '80 %',
       round(100.0 * sum(num) / sum(den), 1) || ' %', 'within 7 points',
       abs(100.0 * sum(num) / sum(den) - 80) <= 7
  FROM v_indicator
 WHERE indicator = 'K12' AND period = :year
   AND place IN (SELECT site_id FROM ref_site WHERE parent_site_id = 'IT-H');

-- Peers at the gates of jails in New York: no number is published
WITH refused AS (
  SELECT split AS reason, sum(num) AS times
    FROM v_indicator
   WHERE indicator = 'K03' AND period = :quarter AND split <> ''
     AND place IN (SELECT site_id FROM ref_site WHERE parent_site_id = 'NY-H')
   GROUP BY 1 ORDER BY 2 DESC, 1
)
SELECT 'NY-H', 'New York: refused at the gate', 'with reasons',
       sum(times) || ': ' || group_concat(reason || ' ' || times, ', '),
       'each with a reason',
       sum(times) > 0 AND sum(reason = 'no reason given') = 0
  FROM refused;

-- Contacts of aftercare in Jammu and Kashmir: no number is published
SELECT 'JK-H', 'J&K: contacts due / done / overdue', 'no figure', sum(den) || ' / '
         || sum(num) || ' / ' || sum(den - num),
       'each office has some',
       count(DISTINCT place) = (SELECT count(*) FROM ref_site
                                 WHERE parent_site_id = 'JK-H')
         AND min(den) > 0
  FROM v_indicator
 WHERE indicator = 'K10' AND period = :quarter AND place GLOB 'JK-*';
