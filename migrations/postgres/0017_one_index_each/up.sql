-- Those of 0014 to 0016 begin with the same columns, and end in the order of pages.
DROP INDEX consents_by_lead;
DROP INDEX leads_by_phone;
DROP INDEX leads_by_email;
