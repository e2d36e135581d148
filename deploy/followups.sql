-- Contacts of aftercare by district and department: due / done / overdue.
SELECT place AS district,
       max(den || ' / ' || num || ' / ' || (den - num))
         FILTER (WHERE split = 'health') AS health,
       max(den || ' / ' || num || ' / ' || (den - num))
         FILTER (WHERE split = 'skill') AS skill,
       max(den || ' / ' || num || ' / ' || (den - num))
         FILTER (WHERE split = 'social_welfare') AS social_welfare
  FROM v_indicator
 WHERE indicator = 'K10' AND period = :quarter AND place GLOB 'JK-*'
 GROUP BY place;
